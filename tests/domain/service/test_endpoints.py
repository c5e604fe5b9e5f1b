"""The table of endpoints, against what it must agree with."""

from typing import get_args

import pytest
from openai.types import EmbeddingCreateParams
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as ChatParams
from openai.types.completion_create_params import CompletionCreateParamsNonStreaming as CompletionParams
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming as ResponseParams

from domain.service.endpoints import (
    BY_URL,
    ENDPOINTS,
    Endpoint,
    Task,
    Url,
    engine_of,
    named,
    not_parameters,
)

PARAMS: dict[Task, type] = {
    "chat": ChatParams,
    "responses": ResponseParams,
    "completions": CompletionParams,
    "embeddings": EmbeddingCreateParams,
}

endpoints = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)


def test_the_types_list_what_the_table_has() -> None:
    assert set(ENDPOINTS) == set(get_args(Task))
    assert set(BY_URL) == set(get_args(Url))
    assert sum(len(endpoint.urls) for endpoint in ENDPOINTS.values()) == len(BY_URL)


@endpoints
def test_the_version_is_the_clients_part_of_a_live_calls_path(endpoint: Endpoint) -> None:
    assert {url.removeprefix("/v1") for url in endpoint.urls} == {endpoint.path}


@endpoints
def test_the_keys_of_a_body_are_the_ones_the_sdk_knows(endpoint: Endpoint) -> None:
    known = PARAMS[endpoint.task].__annotations__
    schema = endpoint.schema.path[:1] if endpoint.schema else ()
    keys = {endpoint.text_key, endpoint.messages_key, *endpoint.limit_keys, *schema} - {None}
    assert keys <= set(known)
    assert keys


@endpoints
def test_a_body_holds_a_text_or_messages_and_neither_is_a_parameter(endpoint: Endpoint) -> None:
    keys = {endpoint.text_key, endpoint.messages_key} - {None}
    assert keys <= set(endpoint.not_parameters)
    assert (endpoint.parts is None) == (endpoint.messages_key is None)


def test_what_no_endpoint_takes_as_a_parameter() -> None:
    assert not_parameters() == ["model", "messages", "input", "stream"]


@pytest.mark.parametrize("url", BY_URL)
def test_the_wanted_engine_is_taken_and_auto_sends_live_what_no_batch_serves(url: str) -> None:
    assert engine_of("batch", url) == "batch"
    assert engine_of("direct", url) == "direct"
    assert engine_of("auto", url) == ("batch" if "chat" in url or "responses" in url else "direct")


def test_a_file_without_a_good_request_is_sent_in_no_special_way() -> None:
    assert engine_of("auto", None) == "batch"


def test_the_most_tokens_of_an_answer_is_the_smallest_limit_for_each_choice() -> None:
    chat, responses, completions = ENDPOINTS["chat"], ENDPOINTS["responses"], ENDPOINTS["completions"]
    assert chat.most_output_tokens({"max_tokens": 9, "max_completion_tokens": 5, "n": 2}) == 10
    assert chat.most_output_tokens({"max_tokens": 0, "max_output_tokens": 5}) is None
    assert responses.most_output_tokens({"max_output_tokens": 5, "max_tokens": 3}) == 5
    assert completions.most_output_tokens({"n": 2}) == 32
    assert completions.most_output_tokens({"max_tokens": 5, "n": 2, "best_of": 3}) == 15


def test_endpoints_are_named_in_a_sentence() -> None:
    assert named(lambda endpoint: endpoint.has_vectors) == "embeddings"
    assert named(lambda endpoint: endpoint.messages_key) == "chat and responses"
    assert named(lambda endpoint: endpoint.usage) == "chat, responses, completions and embeddings"
