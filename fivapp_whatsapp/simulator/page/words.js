// The page's words in Portuguese and English.

const WORDS = {
  pt: {
    title: "Telefone simulado",
    subtitle: "Escaneie o QR de uma sessão e converse como se fosse um cliente.",
    language: "Idioma", phone: "Telefone", sessions: "Sessões", messages: "Mensagens",
    noSessions: "Nenhuma sessão ainda. Peça a conexão no gateway: o QR aparece aqui.",
    qrTitle: "Parear este telefone", qrText: "É este o QR que o gateway mostra.",
    qrAlt: "QR code de pareamento", scan: "Escanear", expire: "Deixar vencer",
    qrLeft: "Código {number} de {of} · vence em {seconds} s",
    suggest: "Converse como…", newChat: "Nova conversa", back: "Voltar às conversas",
    writeAs: "Escrever como", addMember: "+ Participante", ownerOption: "Celular da empresa ({name})",
    attach: "Anexar", photo: "Foto", audio: "Áudio", document: "Documento", sticker: "Figurinha",
    video: "Vídeo", pickFile: "Arquivo…", options: "Ver opções",
    groupInfo: "Dados do grupo", members: "Participantes", nobody: "Ninguém além da empresa.", admin: "admin",
    promote: "Tornar admin", demote: "Tirar de admin", remove: "Remover", save: "Salvar", close: "Fechar",
    message: "Mensagem", send: "Enviar", typing: "digitando…", group: "Grupo", person: "Pessoa",
    groupName: "Nome do grupo", name: "Nome do contato", number: "Número com DDI e DDD",
    cancel: "Cancelar", talk: "Conversar", empty: "Ainda sem mensagens. Escreva a primeira!",
    writesTo: "escreve para {name}", onPhone: "digitada no celular", setStatus: "Mudar situação",
    lineTitle: "Linha", drop: "Cortar conexão", restore: "Restaurar", logout: "Sair da conta",
    hooks: "Webhooks", noUrl: "Sem endereço: as entregas esperam.",
    delivered: "Entregues", pending: "Na fila", retried: "Repetidos", lost: "Perdidos",
    chaos: "Caos", chaosText: "De propósito, em que parte dos casos:", calm: "Tudo calmo",
    duplicate: "Webhook em dobro", reorder: "Fora de ordem", dropAck: "Confirmação perdida", error: "Erro 500", refuse: "Envio recusado",
    ambiguous: "Envio sem resposta", garbage: "Resposta ilegível", latencyMs: "Demora (ms)",
    waiting: "{count} esperando a conexão voltar", noService: "O simulador não responde.",
    themeAuto: "Tema: automático", themeLight: "Tema: claro", themeDark: "Tema: escuro",
    you: "cliente", unreadableFile: "arquivo",
    status: {
      disconnected: "Desconectada", qr_ready: "Aguardando QR", connected: "Conectada", reconnecting: "Reconectando…",
      logged_out: "Saiu da conta", failed: "QR venceu",
    },
    idle: {
      none: ["Tudo pronto", "Assim que o gateway pedir uma conexão, o QR aparece nesta tela."],
      disconnected: ["Sessão desligada", "Conecte de novo pelo gateway."],
      logged_out: ["Você saiu da conta", "Para parear de novo, conecte pelo gateway."],
      failed: ["Os códigos venceram", "Peça um novo QR pelo gateway."],
    },
    ack: { accepted: "na fila", sent: "enviada", delivered: "entregue", read: "lida", played: "ouvida", failed: "falhou" },
  },
  en: {
    title: "Simulated phone",
    subtitle: "Scan a session's QR code and chat as if you were a customer.",
    language: "Language", phone: "Phone", sessions: "Sessions", messages: "Messages",
    noSessions: "No session yet. Ask the gateway to connect: its QR code appears here.",
    qrTitle: "Pair this phone", qrText: "This is the QR code that the gateway shows.",
    qrAlt: "Pairing QR code", scan: "Scan", expire: "Let it run out",
    qrLeft: "Code {number} of {of} · expires in {seconds} s",
    suggest: "Chat as…", newChat: "New chat", back: "Back to chats",
    writeAs: "Write as", addMember: "+ Member", ownerOption: "The company's phone ({name})",
    attach: "Attach", photo: "Photo", audio: "Voice note", document: "Document", sticker: "Sticker",
    video: "Video", pickFile: "File…", options: "See options",
    groupInfo: "Group info", members: "Members", nobody: "Nobody but the company.", admin: "admin",
    promote: "Make admin", demote: "Dismiss as admin", remove: "Remove", save: "Save", close: "Close",
    message: "Message", send: "Send", typing: "typing…", group: "Group", person: "Person",
    groupName: "Group name", name: "Contact's name", number: "Number with country code",
    cancel: "Cancel", talk: "Chat", empty: "No messages yet. Write the first one!",
    writesTo: "writes to {name}", onPhone: "typed on the phone", setStatus: "Change status",
    lineTitle: "Line", drop: "Cut the line", restore: "Restore", logout: "Log out",
    hooks: "Webhooks", noUrl: "No address: deliveries wait.",
    delivered: "Delivered", pending: "Queued", retried: "Retried", lost: "Lost",
    chaos: "Chaos", chaosText: "On purpose, in this share of cases:", calm: "All calm",
    duplicate: "Webhook twice", reorder: "Out of order", dropAck: "Ack lost", error: "Error 500", refuse: "Send refused",
    ambiguous: "Send without answer", garbage: "Unreadable answer", latencyMs: "Latency (ms)",
    waiting: "{count} waiting for the line", noService: "The simulator does not answer.",
    themeAuto: "Theme: automatic", themeLight: "Theme: light", themeDark: "Theme: dark",
    you: "customer", unreadableFile: "file",
    status: {
      disconnected: "Disconnected", qr_ready: "Waiting for scan", connected: "Connected", reconnecting: "Reconnecting…",
      logged_out: "Logged out", failed: "QR expired",
    },
    idle: {
      none: ["All set", "As soon as the gateway asks for a connection, the QR code appears on this screen."],
      disconnected: ["Session ended", "Connect again from the gateway."],
      logged_out: ["You logged out", "To pair again, connect from the gateway."],
      failed: ["The codes expired", "Ask the gateway for a new QR code."],
    },
    ack: { accepted: "queued", sent: "sent", delivered: "delivered", read: "read", played: "played", failed: "failed" },
  },
};

let language = remembered("language") ?? (navigator.language.toLowerCase().startsWith("pt") ? "pt" : "en");

export function remembered(key) {
  try {
    return localStorage.getItem(`phone.${key}`);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(`phone.${key}`, value);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}

export function currentLanguage() {
  return language;
}

/** Return a word, or a list of words, with `{names}` filled in. */
export function word(path, values = {}) {
  const found = path.split(".").reduce((words, key) => words?.[key], WORDS[language]) ?? path;
  return typeof found === "string" ? found.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "") : found;
}

/** Choose a language and write its words into everything that is marked with one. */
export function speak(chosen = language) {
  language = chosen in WORDS ? chosen : "en";
  document.documentElement.lang = language === "pt" ? "pt-BR" : "en";
  document.title = word("title");
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", word(node.dataset.label));
    if (node.tagName === "BUTTON") node.title = word(node.dataset.label);
  }
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = word(node.dataset.placeholder);
}
