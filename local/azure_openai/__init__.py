"""A local Azure OpenAI service: the files and batch operations, and live embeddings, completions and responses.

It behaves as the real one is known to: validation in the background, quota, delays, shuffled output, odd endings, lost
answers when asked for. It counts every call and every answered request, so that tests can prove that nothing is paid twice.

    python -m local.azure_openai --help             the settings
    python -m local.azure_openai.plan               no command: its docstring tells how to ask for faults
    with local.azure_openai.running(speed=1000): …  in tests
"""

from local.azure_openai.process import RunningService, running

__all__ = ["RunningService", "running"]
