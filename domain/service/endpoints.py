"""The endpoints of the service: one table that holds all that the product knows of each of them.

A new one is a row here and its words in `Task` and `Url`; where its answers have a shape of their own, also a reader in
`domain.service.answers`. A test keeps these words out of the other modules.

From "Azure OpenAI REST API reference" and "How to use global batch", read 2026-11.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from domain.service import answers
from domain.service.bodies import MOST_TOKENS, token_count
from domain.service.plain_answers import RowAnswer
from domain.tokens import Vocabulary

Task = Literal["chat", "responses", "completions", "embeddings"]
Url = Literal[
    "/v1/chat/completions",
    "/chat/completions",
    "/v1/responses",
    "/v1/completions",
    "/completions",
    "/v1/embeddings",
    "/embeddings",
]
# As batches, or as live calls.
Engine = Literal["batch", "direct"]
WantedEngine = Literal["auto", "batch", "direct"]

DEFAULT_URL: Url = "/v1/chat/completions"

# Ask for another kind of answer than one JSON object; a live call leaves them out.
NOT_LIVE = ("stream", "stream_options", "background")

_NOT_PARAMETERS = {
    "model": "name the deployment with `deployment`",
    "messages": "write `messages` beside `parameters`, not in it",
    "input": "write `input` beside `parameters`, not in it",
    "stream": "answers come back as a whole",
}


class Parts(NamedTuple):
    """How an endpoint spells the parts of a message. An image's address and detail lie in it, or in an object of it."""

    text: str
    image: str
    has_image_object: bool


class SchemaPlace(NamedTuple):
    """Where a JSON Schema for answers lies in a body, key by key. Its `name` stands beside it."""

    path: tuple[str, ...]
    typed: tuple[str, ...]  # the object that says `"type": "json_schema"`


class Usage(NamedTuple):
    """The counts of tokens that come with an answer, and the objects that tell more about some of them."""

    input: str
    output: str | None
    details: Mapping[str, tuple[str, ...]] = {}

    @property
    def counts(self) -> tuple[str, ...]:
        """The counts in the service's order."""
        return (self.input, *([self.output] if self.output else []), "total_tokens")


class Endpoint(NamedTuple):
    """One operation of the service."""

    task: Task  # its short name; also the column of the answers
    urls: tuple[Url, ...]  # the first one is what the short name stands for
    path: str  # of live calls, below the resource's root, which has the version already
    auto: Engine  # Azure's Batch API does not serve all of them
    models: str  # a deployment for one endpoint serves those of the same models too
    vocabulary: Vocabulary  # that these models most likely have
    text_key: str | None  # of a body: one text
    messages_key: str | None  # of a body: a conversation
    parts: Parts | None  # of the messages
    limit_keys: tuple[str, ...]  # of a body: the most tokens of an answer
    cut_reasons: tuple[str, ...]  # why an answer ended, when it was that limit
    schema: SchemaPlace | None
    usage: Usage
    read_answer: Callable[[bytes], RowAnswer]  # from an answer line of status 200
    more: tuple[
        str, ...
    ] = ()  # what such an answer may hold beside its text, by the names of the results' columns
    has_vectors: bool = False  # answers are lists of numbers, and cost no tokens
    shares_calls: bool = False  # one live call may ask for several texts
    takes_empty_text: bool = True
    default_limit: int | None = None  # the most tokens of an answer, where a body says nothing

    @property
    def not_parameters(self) -> dict[str, str]:
        """Keys of a body that are no parameters of a job spec, and what to write instead."""
        own = {self.text_key: _NOT_PARAMETERS["input"]} if self.text_key else {}
        return own | _NOT_PARAMETERS

    def most_output_tokens(self, body: Mapping[str, Any]) -> int | None:
        """Give the most tokens that an answer may have, by a body or its parameters; None without a limit."""
        given = [body.get(key) for key in self.limit_keys]
        limit = min((limit for limit in given if isinstance(limit, int) and limit > 0), default=None)
        limit = limit or self.default_limit
        return limit * choices(body) if limit else None


_USAGE_OF_CHOICES = Usage(
    input="prompt_tokens",
    output="completion_tokens",
    details={
        "prompt_tokens_details": ("audio_tokens", "cached_tokens"),
        "completion_tokens_details": (
            "accepted_prediction_tokens",
            "audio_tokens",
            "reasoning_tokens",
            "rejected_prediction_tokens",
        ),
    },
)

_CHAT = Endpoint(
    task="chat",
    urls=("/v1/chat/completions", "/chat/completions"),
    path="/chat/completions",
    auto="batch",
    models="chat",
    vocabulary="o200k_base",
    text_key=None,
    messages_key="messages",
    parts=Parts(text="text", image="image_url", has_image_object=True),
    limit_keys=("max_completion_tokens", "max_tokens"),
    cut_reasons=("length", "max_tokens"),
    schema=SchemaPlace(path=("response_format", "json_schema", "schema"), typed=("response_format",)),
    usage=_USAGE_OF_CHOICES,
    read_answer=answers.of_messages,
    more=("message", "logprobs"),
)
_RESPONSES = Endpoint(
    task="responses",
    urls=("/v1/responses",),
    path="/responses",
    auto="batch",
    models="chat",
    vocabulary="o200k_base",
    text_key="input",
    messages_key="input",
    parts=Parts(text="input_text", image="input_image", has_image_object=False),
    limit_keys=("max_output_tokens",),
    cut_reasons=("max_output_tokens", "max_tokens"),
    schema=SchemaPlace(path=("text", "format", "schema"), typed=("text", "format")),
    usage=Usage(
        input="input_tokens",
        output="output_tokens",
        details={
            "input_tokens_details": ("cached_tokens",),
            "output_tokens_details": ("reasoning_tokens",),
        },
    ),
    read_answer=answers.of_output_items,
    more=("output",),
)
_COMPLETIONS = Endpoint(
    task="completions",
    urls=("/v1/completions", "/completions"),
    path="/completions",
    auto="direct",
    models="completions",
    vocabulary="cl100k_base",
    text_key="prompt",
    messages_key=None,
    parts=None,
    limit_keys=("max_tokens",),
    cut_reasons=("length",),
    schema=None,
    usage=_USAGE_OF_CHOICES,
    read_answer=answers.of_texts,
    more=("logprobs",),
    default_limit=16,
)
_EMBEDDINGS = Endpoint(
    task="embeddings",
    urls=("/v1/embeddings", "/embeddings"),
    path="/embeddings",
    auto="direct",
    models="embeddings",
    vocabulary="cl100k_base",
    text_key="input",
    messages_key=None,
    parts=None,
    limit_keys=(),
    cut_reasons=(),
    schema=None,
    usage=Usage(input="prompt_tokens", output=None),
    read_answer=answers.of_vectors,
    has_vectors=True,
    shares_calls=True,
    takes_empty_text=False,
)

ENDPOINTS: dict[Task, Endpoint] = {
    found.task: found for found in (_CHAT, _RESPONSES, _COMPLETIONS, _EMBEDDINGS)
}
BY_URL: dict[str, Endpoint] = {url: found for found in ENDPOINTS.values() for url in found.urls}

# What an answer says is read without knowing which endpoint gave it: no two mean different things by one word.
INPUT_COUNTS = tuple({found.usage.input: None for found in ENDPOINTS.values()})
OUTPUT_COUNTS = tuple({found.usage.output: None for found in ENDPOINTS.values() if found.usage.output})
_CACHED = "cached_tokens"
# All that a chat says of its use; any other count might go before one of these.
_CHAT_USAGE = {
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
}
# The objects that tell how much of the input was in the service's cache.
CACHED_DETAILS = tuple(
    {
        name: None
        for found in ENDPOINTS.values()
        for name, told in found.usage.details.items()
        if _CACHED in told
    }
)
CUT_REASONS = tuple({reason: None for found in ENDPOINTS.values() for reason in found.cut_reasons})


def cached_count(usage: Any) -> int:
    """Give how many tokens of an answer's input were in the service's cache; 0 where it does not say."""
    for name in CACHED_DETAILS:
        if count := token_count(usage.get(name) if isinstance(usage, dict) else None, (_CACHED,)):
            return count
    return 0


def chat_counts(usage: Any) -> tuple[int, int, int] | None:
    """Give a chat's tokens in, out, and in that were cached; None where they have to be looked for.

    Raises KeyError, TypeError or AttributeError for a usage that is none.
    """
    if not usage.keys() <= _CHAT_USAGE:
        return None
    details = usage.get("prompt_tokens_details")
    read, written, cached = (
        usage["prompt_tokens"],
        usage["completion_tokens"],
        details[_CACHED] if details else 0,
    )
    if not (type(read) is type(written) is type(cached) is int):
        return None
    is_known = min(read, written, cached) >= 0 and max(read, written, cached) < MOST_TOKENS
    return (read, written, cached) if is_known else None


def choices(body: Mapping[str, Any]) -> int:
    """Count the answers that are made for one request, those included of which only the best are given."""
    wanted = [body.get(key) for key in ("n", "best_of")]
    return max([1, *(number for number in wanted if isinstance(number, int))])


def engine_of(wanted: WantedEngine, url: str | None) -> Engine:
    """Say how requests are sent. A file without a good request has no `url`."""
    if wanted != "auto":
        return wanted
    return BY_URL[url].auto if url in BY_URL else "batch"


def not_parameters() -> list[str]:
    """Name the keys that are parameters of no endpoint."""
    return [
        key for key in _NOT_PARAMETERS if all(key in found.not_parameters for found in ENDPOINTS.values())
    ]


def named(are_meant: Callable[[Endpoint], object]) -> str:
    """Name endpoints in a sentence: `chat and responses`."""
    *others, last = [found.task for found in ENDPOINTS.values() if are_meant(found)]
    return f"{', '.join(others)} and {last}" if others else last
