"""Live calls through the real SDK."""

import pytest
from openai import NotFoundError, OpenAI

from local.azure_openai import RunningService, answers


def test_legacy_completions_have_a_choice_for_each_prompt(client: OpenAI, service: RunningService) -> None:
    made = client.completions.create(model="instruct", prompt=["the red lamp", "the blue lamp"], max_tokens=9)
    assert [choice.index for choice in made.choices] == [0, 1]
    asked = {"model": "instruct", "prompt": "the blue lamp"}
    assert made.choices[1].text == answers.answer_text(asked)
    assert (made.object, made.choices[0].finish_reason) == ("text_completion", "stop")
    assert made.usage
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens
    told = service.counters()["live_answers"]
    assert (told["requests_served"], told["distinct_requests"]) == (2, 2)


def test_completions_of_one_kind_are_not_taken_for_the_other(client: OpenAI) -> None:
    chat = client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "hello"}])
    assert "hello" in str(chat.choices[0].message.content)
    assert "hello" in client.completions.create(model="gpt", prompt="hello").choices[0].text


def test_an_operation_that_is_not_served_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError):
        client.moderations.create(input="hello")
