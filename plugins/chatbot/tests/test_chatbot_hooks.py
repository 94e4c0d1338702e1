"""The chatbot in a gateway: a contact talks to a flow, time passes, services answer, people take over."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp import InvalidSetting, Message
from fivapp_whatsapp.testing import Chat
from fivapp_whatsapp_chatbot import plugin
from fivapp_whatsapp_chatbot.__main__ import EXAMPLES, example_flow
from fivapp_whatsapp_chatbot.calls import MAX_ANSWER
from fivapp_whatsapp_chatbot.config import Chatbot

BREATH = 1.0
FORM = """
[timeout]
remind_after = "10m"
end_after = "30m"
[steps.name]
kind = "ask"
text = "Nome?"
[steps.colour]
kind = "menu"
text = "Cor, {name}?"
options = [{ id = "blue", title = "Azul", description = "do céu" }, { id = "green", title = "Verde" }]
[steps.done]
kind = "end"
text = "{name}: {colour}"
"""


async def say(chat: Chat, text: str | None, **fields: Any) -> list[str]:
    """Write, and wait for the breath that the chatbot gives a contact to go on."""
    await chat.says(text, **fields)
    await chat.clock.advance(BREATH)
    return chat.replies


async def configured(chat: Chat, flow: str, **more: Any) -> None:
    await chat.configure("chatbot", flow=flow, **more)


async def test_without_a_flow_nothing_is_answered(chat: Chat) -> None:
    assert await say(chat, "oi") == []


async def test_a_form_is_filled_in_over_several_messages(chat: Chat) -> None:
    await configured(chat, FORM)
    assert await say(chat, "oi") == ["Nome?"]
    [menu] = await say(chat, "Ana")
    assert menu.startswith("Cor, Ana?")
    assert await say(chat, "verde") == ["Ana: Verde"]


@pytest.mark.parametrize("capabilities", [{"buttons": True}, {"list": True}, {}])
async def test_options_become_buttons_a_list_or_numbered_lines(chat: Chat, capabilities: dict[str, bool]) -> None:
    chat.connector_can(**capabilities)
    await configured(chat, FORM)
    await say(chat, "oi")
    [menu] = await say(chat, "Ana")
    assert menu == ("Cor, Ana?" if capabilities else "Cor, Ana?\n1. Azul: do céu\n2. Verde")
    assert [choice.id for choice in chat.messages[-1].choices] == ["colour:blue", "colour:green"]
    if capabilities:
        await chat.chooses("colour:green")
        await chat.clock.advance(BREATH)
        assert chat.replies == ["Ana: Verde"]
    else:
        assert await say(chat, "2") == ["Ana: Verde"]


async def test_several_messages_in_one_breath_are_answered_once(chat: Chat) -> None:
    await configured(chat, FORM)
    await chat.says("oi")
    await chat.says("tudo bem?")
    assert chat.replies == []
    assert await say(chat, "qual o preço?") == ["Nome?"]


async def test_a_hook_that_runs_twice_says_the_same_once(chat: Chat) -> None:
    await configured(chat, FORM)
    for text in ("oi", "Ana", "azul"):
        await say(chat, text)
        await chat.runs_twice()


async def test_a_second_run_gets_the_answer_that_the_first_could_not_give(
    chat: Chat, a_message: Callable[..., Message]
) -> None:
    """The state was kept, the answer was not: the process ended between the two."""
    view = chat.gateway.as_plugin(chat.tenant_id, "chatbot")
    state = view.state_of(chat.conversation.id)

    async def asked(message: Message) -> list[str | None]:
        answers = await plugin.reply_to(
            message=message,
            messages=(message,),
            gateway=view,
            conversation=chat.conversation,
            contact=None,
            config=Chatbot(flow=FORM),
            state=state,
            log=view.log,
        )
        return [answer.text for answer in answers or ()]

    first, second = a_message("oi"), a_message("Ana")
    assert await asked(first) == await asked(first) == ["Nome?"]
    assert await asked(second) == await asked(second) == ["Cor, Ana?"]
    assert await asked(a_message("azul")) == ["Ana: Azul"]


async def test_a_silent_contact_is_reminded_and_then_the_flow_ends(chat: Chat) -> None:
    await configured(chat, FORM)
    await say(chat, "oi")
    await chat.clock.advance(timedelta(minutes=9))
    assert chat.replies == ["Nome?"]
    await chat.clock.advance(timedelta(minutes=2))
    assert chat.replies[1:] == ["Você ainda está aí? Fico no aguardo da sua resposta."]
    await chat.clock.advance(timedelta(minutes=25))
    assert chat.replies[2:] == ["Como não tive resposta, encerrei por aqui. Quando quiser, é só chamar."]
    await chat.clock.advance(timedelta(hours=3))
    assert len(chat.replies) == 3
    assert await say(chat, "oi") == ["Nome?"]


async def test_an_answer_puts_the_reminder_off(chat: Chat) -> None:
    await configured(chat, FORM)
    await say(chat, "oi")
    await chat.clock.advance(timedelta(minutes=8))
    await say(chat, "Ana")
    await chat.clock.advance(timedelta(minutes=8))
    assert len(chat.replies) == 1
    await say(chat, "azul")
    await chat.clock.advance(timedelta(hours=2))
    assert chat.replies == ["Ana: Azul"]


async def test_a_thank_you_after_the_end_does_not_start_it_again(chat: Chat) -> None:
    await configured(chat, FORM)
    for text in ("oi", "Ana", "azul"):
        await say(chat, text)
    assert await say(chat, "obrigada!") == []
    await chat.clock.advance(timedelta(hours=1))
    assert await say(chat, "oi de novo") == ["Nome?"]


async def test_a_person_who_writes_ends_the_flow_and_its_reminders(chat: Chat) -> None:
    await configured(chat, FORM)
    await say(chat, "oi")
    await chat.human_says("Oi, aqui é a Bia")
    await chat.clock.advance(timedelta(minutes=40))
    assert [each.author.kind for each in chat.messages if each.direction == "outgoing"] == ["plugin", "agent"]
    await chat.clock.advance(timedelta(hours=1))
    assert await say(chat, "Ana") == ["Nome?"]


async def test_handing_over_says_so_tells_agents_why_and_is_silent(chat: Chat) -> None:
    await configured(
        chat,
        '[steps.a]\nkind = "ask"\ntext = "O que houve?"\n'
        '[steps.z]\nkind = "hand_over"\ntext = "Já chamo alguém."\nreason = "Reclamação: {a}"',
    )
    await say(chat, "oi")
    assert await say(chat, "veio {frio}") == ["Já chamo alguém."]
    assert any("Reclamação: veio {frio}" in line for line in chat.system_lines)
    assert chat.conversation.answered_by == "human"
    assert await say(chat, "alô?") == []
    await chat.runs_twice()


async def test_a_flow_that_was_changed_begins_again_politely(chat: Chat) -> None:
    await configured(chat, FORM)
    await say(chat, "oi")
    await configured(chat, FORM.replace("Nome?", "Como se chama?"))
    assert await say(chat, "Ana") == [
        "Nosso atendimento mudou enquanto conversávamos. Vamos recomeçar.",
        "Como se chama?",
    ]


async def test_nothing_is_answered_in_a_group(chat: Chat) -> None:
    await configured(chat, FORM)
    await chat.automation(group_bots="always")
    chat.in_group()
    assert await say(chat, "oi") == []


async def test_a_reaction_is_not_answered(chat: Chat) -> None:
    await configured(chat, FORM)
    await say(chat, "oi")
    assert await say(chat, "👍", kind="reaction") == []


async def test_a_flow_in_a_file_of_the_operators_folder_is_read_when_it_changes(chat: Chat, tmp_path: Any) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "form.toml").write_text(FORM, encoding="utf-8")
    chat.gateway.shared("chatbot")["folder"] = str(folder)
    await chat.configure("chatbot", file="form.toml")
    assert await say(chat, "oi") == ["Nome?"]
    (folder / "form.toml").write_text(FORM.replace("Cor,", "Que cor,"), encoding="utf-8")
    assert (await say(chat, "Ana"))[0].startswith("Nosso atendimento mudou")
    (folder / "form.toml").write_text("broken", encoding="utf-8")
    assert await say(chat, "Ana") == []


@pytest.mark.parametrize("name", ["../form.toml", "/etc/x.toml", "form", "a/b.toml", "form.toml\n", "..toml/"])
def test_a_file_outside_of_the_folder_cannot_be_named(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"file": name}, Chatbot)


def test_settings_with_a_broken_flow_are_refused_with_its_lines() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"line 3: there is no step 'b'"):
        msgspec.convert({"flow": "[steps.a]\nkind = 'goto'\nto = 'b'"}, Chatbot)
    with pytest.raises(InvalidSetting, match=r"line 3: there is no step 'b'") as refused:
        Chatbot(flow="[steps.a]\nkind = 'goto'\nto = 'b'\n")
    assert refused.value.i18n == {"pt-BR": "este fluxo não pode ser usado. linha 3: não há a etapa 'b'"}
    with pytest.raises(msgspec.ValidationError, match="not both"):
        msgspec.convert({"flow": FORM, "file": "a.toml"}, Chatbot)


def test_the_form_has_words_in_both_languages() -> None:
    [definition] = msgspec.json.schema(Chatbot)["$defs"].values()
    for field in definition["properties"].values():
        assert field["title"] != field["i18n"]["pt-BR"]["title"]
        assert field["description"] != field["i18n"]["pt-BR"]["description"]
    assert definition["properties"]["flow"]["format"] == "textarea"


# --- services ------------------------------------------------------------------------------------------


class Service:
    """A service on this machine; `answer` is (status, headers, body)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {"Content-Type": "application/json"}, b"{}")
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                service.requests.append(
                    (self.command, self.path, dict(self.headers), json.loads(body) if body else None)
                )
                status, headers, content = service.answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def replies(self, data: Any, status: int = 200) -> None:
        self.answer = (status, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(data).encode())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


def calling(url: str, **more: str) -> str:
    lines = "\n".join(f"{key} = {value}" for key, value in more.items())
    return f"""
[steps.code]
kind = "ask"
text = "Código?"
[steps.call]
kind = "http"
url = "{url}"
save = "order"
{lines}
[steps.done]
kind = "end"
text = "{{order.state}} {{order.number}}"
"""


async def test_a_service_is_called_with_the_answers_and_its_reply_is_told(chat: Chat, service: Service) -> None:
    service.replies({"state": "a caminho\0", "number": 42})
    await configured(
        chat,
        calling(
            service.url + "/orders/{code}", json='{ code = "{code}", who = "{contact.first_name}", on = 2026-12-25 }'
        ),
    )
    await say(chat, "oi")
    assert await say(chat, "a/b?c") == ["a caminho\ufffd 42"]
    [(method, path, headers, body)] = service.requests
    assert (method, path, body) == ("POST", "/orders/a%2Fb%3Fc", {"code": "a/b?c", "who": "Ana", "on": "2026-12-25"})
    assert headers["Idempotency-Key"]
    await chat.runs_twice()
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"Content-Type": "application/json"}, b"{}"),
        (404, {}, b""),
        (302, {"Location": "http://127.0.0.1/"}, b""),
        (200, {"Content-Type": "application/json"}, b"{not json"),
        (200, {"Content-Type": "application/json"}, b"[" * 5000),
        (200, {"Content-Type": "application/json"}, b'"' + b"x" * (MAX_ANSWER + 1) + b'"'),
        (200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"{}"),
    ],
)
async def test_what_no_service_should_answer_goes_to_a_person(
    chat: Chat, service: Service, answer: tuple[int, dict[str, str], bytes]
) -> None:
    service.answer = answer
    await configured(chat, calling(service.url, method='"GET"'))
    await say(chat, "oi")
    assert await say(chat, "7") == ["Não consegui concluir isso agora. Vou chamar uma pessoa da equipe."]
    assert any("Falhou o serviço da etapa call" in line for line in chat.system_lines)


async def test_an_answer_that_is_no_json_is_nothing_for_texts(chat: Chat, service: Service) -> None:
    service.answer = (200, {"Content-Type": "text/html"}, b"<html>")
    await configured(chat, calling(service.url, json='{ code = "{code}" }'))
    await say(chat, "oi")
    await say(chat, "7")
    assert service.requests[0][3] == {"code": "7"}


async def test_an_address_that_leads_inside_is_not_called(chat: Chat) -> None:
    await configured(chat, calling("http://169.254.169.254/latest/meta-data", method='"GET"'))
    await say(chat, "oi")
    assert await say(chat, "7") == ["Não consegui concluir isso agora. Vou chamar uma pessoa da equipe."]


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_examples_run_in_a_gateway(chat: Chat, name: str) -> None:
    await configured(chat, example_flow(name))
    first = await say(chat, "bom dia, quero marcar uma consulta e uma pizza")
    assert first
    assert await say(chat, "cancelar") == ["Tudo bem, cancelei. Quando quiser, é só chamar."]
