"""A conversation with a flow, turn by turn, without a gateway."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fivapp_whatsapp_chatbot.__main__ import EXAMPLES, example_flow
from fivapp_whatsapp_chatbot.check import check_flow
from fivapp_whatsapp_chatbot.engine import nudge, step, time_out
from fivapp_whatsapp_chatbot.flow import Flow, Language
from fivapp_whatsapp_chatbot.memory import Call, Facts, GiveToHuman, Memory, Remind, Replied, Said, Turn
from fivapp_whatsapp_chatbot.turns import MOST_CALLS, take_turn

FACTS = Facts(contact={"name": "Ana Lima", "first_name": "Ana", "phone": "+5511988887777"}, today=date(2026, 11, 26))


def flow_of(text: str, language: Language = "pt-BR") -> Flow:
    flow, problems = check_flow(text, language=language)
    assert flow is not None, problems
    return flow


class Talk:
    """Somebody who talks to a flow; `service` is what a service answers, an exception that it fails."""

    def __init__(self, flow: Flow, service: Any = None) -> None:
        self.flow = flow
        self.service = service
        self.memory: Memory | None = None
        self.calls: list[Call] = []
        self.turn = Turn()

    def says(self, *texts: str, choice: str | None = None, pressed: bool = True) -> list[str]:
        said = Said(texts=texts, choice=choice, pressed=pressed)
        self.turn = asyncio.run(take_turn(self.flow, self.memory, said, FACTS, self._call))
        # What is remembered is JSON: it goes through the store between two turns.
        self.memory = msgspec.json.decode(msgspec.json.encode(self.turn.memory), type=Memory | None)
        return [output.text for output in self.turn.outputs]

    async def _call(self, call: Call) -> Replied:
        self.calls.append(call)
        return Replied(ok=not isinstance(self.service, Exception), data=self.service)

    @property
    def reasons(self) -> list[str]:
        return [effect.reason for effect in self.turn.effects if isinstance(effect, GiveToHuman)]


FORM = """
[steps.name]
kind = "ask"
text = "Nome?"
[steps.colour]
kind = "menu"
text = "Cor, {name}?"
options = ["Azul", "Verde"]
help = "São duas, {name}."
[steps.age]
kind = "ask"
type = "number"
text = "Idade?"
[steps.done]
kind = "end"
text = "{name}: {colour}, {age}"
"""


def test_a_form_is_filled_in_and_ends() -> None:
    talk = Talk(flow_of(FORM))
    assert talk.says("oi") == ["Nome?"]
    assert talk.says("Ana") == ["Cor, Ana?"]
    assert [option.title for option in talk.turn.outputs[0].options] == ["Azul", "Verde"]
    assert talk.says("2") == ["Idade?"]
    assert talk.says("30") == ["Ana: Verde, 30"]
    assert talk.memory is None
    assert talk.turn.effects == []


def test_an_answer_with_braces_stays_the_text_that_it_is() -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi")
    assert talk.says("{colour} {name.__class__} {{x}} %s") == ["Cor, {colour} {name.__class__} {{x}} %s?"]


def test_back_asks_the_question_before_and_forgets_its_answer() -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi")
    talk.says("Ana")
    talk.says("azul")
    assert talk.says("Voltar!") == ["Cor, Ana?"]
    assert talk.memory is not None
    assert talk.memory.answers == {"name": "Ana"}
    assert talk.says("voltar") == ["Nome?"]
    assert talk.says("voltar") == ["Já estamos no começo.", "Nome?"]


def test_cancel_ends_and_menu_goes_to_the_start() -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi")
    talk.says("Ana")
    assert talk.says("MENU") == ["Nome?"]
    assert talk.says("cancelar") == ["Tudo bem, cancelei. Quando quiser, é só chamar."]
    assert talk.memory is None


def test_the_words_and_texts_of_the_flow_win() -> None:
    talk = Talk(flow_of('[words]\ncancel = ["tchau"]\nback = []\n[texts]\ncancelled = "Até!"\n' + FORM))
    talk.says("oi")
    assert talk.says("voltar") == ["Cor, voltar?"]
    assert talk.says("tchau") == ["Até!"]


def test_english_flows_speak_english() -> None:
    talk = Talk(flow_of('language = "en"\n' + FORM))
    talk.says("hi")
    talk.says("Ann")
    assert talk.says("red")[0].startswith("I did not get that.")
    assert talk.says("cancel") == ["All right, cancelled. Write again whenever you like."]


def test_a_wrong_answer_is_helped_and_the_third_goes_to_a_person() -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi")
    talk.says("Ana")
    [said] = talk.says("rosa")
    assert said == ("Não entendi. Responda com o número ou o texto de uma das opções.\n\nSão duas, Ana.\n\nCor, Ana?")
    assert len(talk.turn.outputs[0].options) == 2
    talk.says("rosa")
    assert talk.says("rosa") == ["Vou chamar uma pessoa da equipe para ajudar você."]
    assert talk.reasons == ["Respostas não entendidas na etapa colour"]
    assert talk.memory is None


def test_a_right_answer_begins_the_tries_anew() -> None:
    talk = Talk(flow_of("[retries]\nlimit = 2\n" + FORM))
    talk.says("oi")
    talk.says("Ana")
    talk.says("rosa")
    talk.says("azul")
    assert talk.says("x") == ["Isso não é um número. Escreva só o número, por exemplo 12 ou 3,5."]


def test_too_many_tries_may_lead_to_another_step() -> None:
    talk = Talk(flow_of('[retries]\nlimit = 1\nto = "bye"\n' + FORM + '[steps.bye]\nkind = "end"\ntext = "Ligue."\n'))
    talk.says("oi")
    talk.says("Ana")
    assert talk.says("rosa") == ["Ligue."]


def test_a_picture_is_no_answer() -> None:
    talk = Talk(flow_of(FORM))
    assert talk.says() == ["Nome?"]
    assert talk.says() == ["Por favor, responda por escrito."]


def test_a_long_answer_may_come_in_several_messages_and_a_number_in_one_of_them() -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi", "tudo bem?")
    assert talk.says("Ana", "Lima") == ["Cor, Ana\nLima?"]
    assert talk.says("gosto muito", "verde") == ["Idade?"]
    assert talk.says("30", "obrigada") == ["Ana\nLima: Verde, 30"]


def test_a_button_of_an_earlier_question_takes_the_conversation_back_there() -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi")
    talk.says("Ana")
    talk.says("Azul", choice="colour:azul")
    assert talk.memory is not None
    assert talk.memory.at == "age"
    assert talk.says("Verde", choice="colour:verde") == ["Idade?"]
    assert talk.memory.answers == {"name": "Ana", "colour": "verde"}
    assert talk.says("41") == ["Ana: Verde, 41"]


def test_a_number_that_names_an_older_choice_by_chance_is_the_number() -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi")
    talk.says("Ana")
    talk.says("azul")
    assert talk.says("2", choice="colour:verde", pressed=False) == ["Ana: Azul, 2"]


@pytest.mark.parametrize("choice", ["age:azul", "colour:rosa", "nowhere:x", "colour", ":", "name:azul"])
def test_an_unknown_button_is_read_by_its_text(choice: str) -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi")
    talk.says("Ana")
    assert talk.says("Azul", choice=choice) == ["Idade?"]


TRIGGERS = """
[[triggers]]
words = ["preço", "bom dia"]
to = "price"
[[triggers]]
choices = ["campaign-7"]
[[triggers]]
any = true
again_after = "1h"
to = "hello"
[steps.start]
kind = "end"
text = "start"
[steps.price]
kind = "end"
text = "price"
[steps.hello]
kind = "end"
text = "hello"
"""


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"texts": ["Qual o PRECO?"]}, ["price"]),
        ({"texts": ["oi", "bom  dia!", "x"]}, ["price"]),
        ({"texts": ["preços"]}, ["hello"]),
        ({"texts": ["Quero"], "choice": "campaign-7"}, ["start"]),
        ({"texts": []}, ["hello"]),
        ({"texts": ["obrigado"], "since_end": 59.0}, []),
        ({"texts": ["preço"], "since_end": 59.0}, ["price"]),
        ({"texts": ["oi"], "since_end": 3600.0}, ["hello"]),
    ],
)
def test_triggers_start_the_flow_at_their_steps(said: dict[str, Any], answer: list[str]) -> None:
    turn = step(flow_of(TRIGGERS), None, Said(**said), FACTS)
    assert [output.text for output in turn.outputs] == answer
    assert turn.ignored == (not answer)


def test_a_flow_with_words_alone_leaves_other_messages_to_other_bots() -> None:
    flow = flow_of('triggers = [{ words = ["pizza"] }]\n[steps.a]\nkind = "end"\ntext = "x"')
    assert step(flow, None, Said(texts=["oi"]), FACTS) == Turn(ignored=True)
    assert step(flow, None, Replied(ok=True), FACTS).ignored


CALL = """
[steps.code]
kind = "ask"
text = "Código?"
[steps.call]
kind = "http"
url = "https://api.example.com/orders/{code}"
headers = { X-Key = "k" }
json = { code = "{code}", who = "{contact.name}" }
timeout = 3
save = "order"
on_error = "sorry"
[steps.which]
kind = "branch"
on = "order.state"
cases = [
  { is = ["sent", "Enviado"], to = "sent" },
  { above = 5, below = 10, to = "between" },
  { is = true, to = "yes" },
  { missing = true, to = "unknown" },
]
otherwise = "other"
[steps.sent]
kind = "end"
text = "A caminho: {order.items.0.title}, R$ {order.total}"
[steps.between]
kind = "end"
text = "between"
[steps.yes]
kind = "end"
text = "yes"
[steps.unknown]
kind = "end"
text = "unknown"
[steps.other]
kind = "end"
text = "other: {order.state}"
[steps.sorry]
kind = "hand_over"
text = "Falhou."
reason = "Pedido {code}"
"""


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ({"state": "ENVIADO", "items": [{"title": "Pizza"}], "total": 89.9}, "A caminho: Pizza, R$ 89,9"),
        ({"state": 7}, "between"),
        ({"state": 10}, "other: 10"),
        ({"state": True}, "yes"),
        ({"state": 1}, "other: 1"),
        ({}, "unknown"),
        ([1, 2], "unknown"),
        (None, "unknown"),
        ({"state": "{code}"}, "other: {code}"),
    ],
)
def test_a_service_is_called_and_its_answer_decides(data: Any, answer: str) -> None:
    talk = Talk(flow_of(CALL), data)
    talk.says("oi")
    assert talk.says("a/../b?c=1&d#") == [answer]
    [call] = talk.calls
    assert call.url == "https://api.example.com/orders/a%2F..%2Fb%3Fc%3D1%26d%23"
    assert call.json == {"code": "a/../b?c=1&d#", "who": "Ana Lima"}
    assert (call.method, call.headers, call.timeout) == ("POST", {"X-Key": "k"}, 3)


def test_a_service_that_fails_leads_to_the_step_for_it() -> None:
    talk = Talk(flow_of(CALL), OSError())
    talk.says("oi")
    assert talk.says("7") == ["Falhou."]
    assert talk.reasons == ["Pedido 7"]


def test_a_service_that_fails_without_such_a_step_goes_to_a_person() -> None:
    talk = Talk(flow_of(CALL.replace('on_error = "sorry"', "")), OSError())
    talk.says("oi")
    assert talk.says("7") == ["Não consegui concluir isso agora. Vou chamar uma pessoa da equipe."]
    assert talk.reasons == ["Falhou o serviço da etapa call"]


def test_a_service_whose_answer_never_came_has_failed() -> None:
    flow = flow_of(CALL)
    memory = Memory(version=flow.version, at="call", answers={"code": "7"}, turn=2)
    assert [output.text for output in step(flow, memory, Said(texts=["oi?"]), FACTS).outputs] == ["Falhou."]


def test_one_turn_calls_services_a_few_times_only() -> None:
    calls = "".join(f"[steps.c{n}]\nkind = 'http'\nurl = 'https://a.example/{n}'\n" for n in range(5))
    talk = Talk(flow_of(calls + "[steps.z]\nkind = 'end'\ntext = 'x'"), {})
    talk.says("oi")
    assert len(talk.calls) == MOST_CALLS
    assert talk.reasons == [f"Falhou o serviço da etapa c{MOST_CALLS}"]


def test_a_changed_flow_begins_again_and_says_so() -> None:
    talk = Talk(flow_of(FORM))
    talk.says("oi")
    talk.says("Ana")
    talk.flow = flow_of(FORM.replace("Idade?", "Quantos anos?"))
    assert talk.says("azul") == ["Nosso atendimento mudou enquanto conversávamos. Vamos recomeçar.", "Nome?"]
    assert talk.memory is not None
    assert talk.memory.answers == {}


def test_a_question_sets_the_reminder_and_the_end() -> None:
    talk = Talk(flow_of('[timeout]\nremind_after = "5m"\nend_after = "1h"\n' + FORM))
    talk.says("oi")
    assert talk.turn.effects == [Remind(turn=1, remind_after=300, end_after=3600)]
    talk.says("Ana")
    assert talk.turn.effects == [Remind(turn=2, remind_after=300, end_after=3600)]
    assert talk.memory is not None
    assert [output.text for output in nudge(talk.flow, talk.memory).outputs] == [
        "Você ainda está aí? Fico no aguardo da sua resposta."
    ]
    assert time_out(talk.flow).memory is None


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_conversation_breaks_the_examples(name: str, data: st.DataObject) -> None:
    talk = Talk(flow_of(example_flow(name)), {"number": 1, "total": "1", "minutes": 2})
    words = ["1", "2", "oi", "voltar", "cancelar", "menu", "Ana Lima", "52998224725", "a@b.co", "11988887777"]
    said = st.one_of(st.sampled_from([*words, "01/02/1990", "01/12/2026"]), st.text(max_size=12))
    for text in data.draw(st.lists(said, max_size=14)):
        talk.says(text)
        assert talk.turn.outputs
        waits = any(isinstance(effect, Remind) for effect in talk.turn.effects)
        assert waits == (talk.memory is not None)
