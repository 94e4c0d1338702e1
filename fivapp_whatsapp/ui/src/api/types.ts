import type { components } from "./schema";

type Schemas = components["schemas"];

export type Account = Schemas["AccountPage"]["items"][number];
export type AnswerStep = Schemas["AnswerStep"];
export type AnswerTrail = Schemas["AnswerTrail"];
export type Automation = Schemas["AutomationView"];
export type AutomationChange = Schemas["AutomationChange"];
export type BrokenPlugin = Schemas["BrokenView"];
export type Choice = Schemas["Choice"];
export type Conversation = Schemas["Conversation"];
export type ConversationChange = Schemas["ConversationChange"];
export type ConversationPage = Schemas["ConversationPage"];
export type Failure = Schemas["FailureView"];
export type FailureState = Failure["state"];
export type FoundMessages = Schemas["FoundMessages"];
export type GroupBots = Automation["groupBots"];
export type Me = Schemas["Me"];
export type Media = Schemas["Media"];
export type Message = Schemas["Message"];
export type MessageKind = Message["kind"];
export type MessagePage = Schemas["MessagePage"];
export type MessageStatus = Message["status"];
export type Plugin = Schemas["PluginView"];
export type PluginList = Schemas["PluginList"];
export type QuickReply = Schemas["QuickReply"];
export type Sending = Schemas["Sending"];
export type SendMessage = Schemas["SendMessage"];
export type Session = Schemas["SessionItem"];
export type SessionDetail = Schemas["SessionDetail"];
export type SessionStatus = NonNullable<Session["status"]>;
export type SessionState = Schemas["SessionState"];
export type StatusChange = Schemas["StatusChange"];
export type Tried = Schemas["Tried"];

export type View = "to_answer" | "mine" | "unassigned" | "groups" | "bots" | "closed" | "label";
