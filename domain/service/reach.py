"""How far a refusal reaches: as far as its evidence, and no further.

A full queue is the deployment's, whatever is asked of it. A deployment that does not know an operation may know others.
Live calls and batches are different operations of different kinds of deployments. Only what is shown to be the resource's
stops everything.
"""

from domain.service.endpoints import Engine

# What these are about is the deployment, whatever it was asked for.
DEPLOYMENT_CODES = frozenset({"model_not_found", "DeploymentNotFound", "token_limit_exceeded"})
# What these are about is what the deployment was asked for.
OPERATION_CODES = frozenset({"OperationNotSupported"})

# Every batch, of any deployment. Live calls are not stopped by it: what they are refused is their own.
WHOLE_RESOURCE = "*"


def reach_of_deployment(engine: Engine, model: str) -> str:
    """Name all that is sent in one way to a deployment."""
    return model if engine == "batch" else f"live {model}"


def reach_of_operation(engine: Engine, model: str, url: str) -> str:
    """Name what is sent in one way to one endpoint of a deployment."""
    return f"{reach_of_deployment(engine, model)} {url}"


def reaches_to(engine: Engine, model: str, url: str) -> tuple[str, ...]:
    """Give the reaches that hold what is sent like this, the widest first."""
    own = (reach_of_deployment(engine, model), reach_of_operation(engine, model, url))
    return (WHOLE_RESOURCE, *own) if engine == "batch" else own
