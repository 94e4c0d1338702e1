"""The built-in texts, in both languages; a flow may put its own in their place under `[texts]`."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, Mapping[str, str]] = {
    "pt-BR": {
        "choose": "Não entendi. Responda com o número ou o texto de uma das opções.",
        "not_text": "Por favor, responda por escrito.",
        "bad_text": "Essa resposta não serve. Confira e escreva de novo.",
        "too_short": "A resposta é curta demais: escreva pelo menos {limit} caracteres.",
        "too_long": "A resposta é longa demais: no máximo {limit} caracteres.",
        "bad_number": "Isso não é um número. Escreva só o número, por exemplo 12 ou 3,5.",
        "not_whole": "Escreva um número inteiro, por exemplo 3.",
        "too_small": "O valor é pequeno demais: o mínimo é {limit}.",
        "too_big": "O valor é grande demais: o máximo é {limit}.",
        "bad_date": "Não reconheci a data. Escreva dia/mês/ano, por exemplo 25/12/2026.",
        "too_early": "Essa data é cedo demais: a partir de {limit}.",
        "too_late": "Essa data é tarde demais: até {limit}.",
        "bad_email": "Esse e-mail não parece certo. Escreva como em nome@exemplo.com.br.",
        "bad_phone": "Esse telefone não parece certo. Escreva com DDD, por exemplo (11) 98888-7777.",
        "bad_cpf": "Esse CPF não é válido. Confira os 11 números.",
        "bad_cnpj": "Esse CNPJ não é válido. Confira as 14 posições.",
        "at_the_start": "Já estamos no começo.",
        "cancelled": "Tudo bem, cancelei. Quando quiser, é só chamar.",
        "reminder": "Você ainda está aí? Fico no aguardo da sua resposta.",
        "timed_out": "Como não tive resposta, encerrei por aqui. Quando quiser, é só chamar.",
        "changed": "Nosso atendimento mudou enquanto conversávamos. Vamos recomeçar.",
        "hand_over": "Vou chamar uma pessoa da equipe para ajudar você.",
        "failed": "Não consegui concluir isso agora. Vou chamar uma pessoa da equipe.",
        "reason_retries": "Respostas não entendidas na etapa {limit}",
        "reason_service": "Falhou o serviço da etapa {limit}",
        "reason_circle": "O fluxo dá voltas na etapa {limit}",
    },
    "en": {
        "choose": "I did not get that. Answer with the number or the text of one of the options.",
        "not_text": "Please answer in writing.",
        "bad_text": "That answer does not fit. Please check it and write it again.",
        "too_short": "The answer is too short: write at least {limit} characters.",
        "too_long": "The answer is too long: {limit} characters at most.",
        "bad_number": "That is not a number. Write the number alone, such as 12 or 3.5.",
        "not_whole": "Write a whole number, such as 3.",
        "too_small": "That is too small: at least {limit}.",
        "too_big": "That is too big: at most {limit}.",
        "bad_date": "I did not recognize the date. Write day/month/year, such as 25/12/2026.",
        "too_early": "That date is too early: {limit} or later.",
        "too_late": "That date is too late: {limit} or earlier.",
        "bad_email": "That e-mail does not look right. Write it as in name@example.com.",
        "bad_phone": "That phone does not look right. Write it with its area code, such as (11) 98888-7777.",
        "bad_cpf": "That CPF is not valid. Check its 11 digits.",
        "bad_cnpj": "That CNPJ is not valid. Check its 14 characters.",
        "at_the_start": "We are at the beginning already.",
        "cancelled": "All right, cancelled. Write again whenever you like.",
        "reminder": "Are you still there? I am waiting for your answer.",
        "timed_out": "As there was no answer, I ended here. Write again whenever you like.",
        "changed": "Our service changed while we talked. Let us begin again.",
        "hand_over": "I will call somebody of the team to help you.",
        "failed": "I could not finish that now. I will call somebody of the team.",
        "reason_retries": "Answers to the step {limit} were not understood",
        "reason_service": "The service of the step {limit} failed",
        "reason_circle": "The flow goes round in circles at the step {limit}",
    },
}

WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "pt-BR": {"back": ("voltar",), "cancel": ("cancelar", "sair"), "menu": ("menu", "início")},
    "en": {"back": ("back",), "cancel": ("cancel", "quit"), "menu": ("menu",)},
}
