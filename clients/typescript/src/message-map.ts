/**
 * A message and its map: from them the questions to ask.
 *
 * INVARIANT: of the message nothing but what the map declares as an attribute, a resource's type or its id gets into a
 * question.
 */
import { create } from "@bufbuild/protobuf";
import type { Action, Attributes, Mask, Resource, Subject } from "./decisions.js";
import { AttributeValueError, MessageMismatchError } from "./errors.js";
import { AttributeType } from "./gen/pdp/v1/bundle_pb.js";
import { type BatchItem, BatchItemSchema, type GetMessageMapResponse } from "./gen/pdp/v1/decision_service_pb.js";
import {
  type Action as ActionMessage,
  ActionSchema,
  type Mask as MaskMessage,
  MessageRefSchema,
  type Resource as ResourceMessage,
  ResourceSchema,
  type Subject as SubjectMessage,
  SubjectSchema,
  type Value,
} from "./gen/pdp/v1/types_pb.js";
import type { DecimalText } from "./masks.js";
import * as paths from "./paths.js";
import * as values from "./values.js";

// What a request holds outside its attributes; a message may not speak about who asks and what for.
const BUILT_IN = new Set(["subject.id", "subject.roles", "action.name", "resource.type", "resource.id"]);

/** What holds where no verdict says otherwise. */
export const FULL: Mask = { algorithm: "full", parameters: {}, name: "" };

/** The fields and attributes of the message itself (`name` empty) or of each item of one of its lists. */
export interface Part {
  readonly name: string;
  readonly path: paths.Path;
  readonly resourceType: string;
  readonly resourceId: paths.Path | undefined;
  readonly fields: readonly (readonly [field: string, paths: readonly paths.Path[]])[];
  readonly attributes: readonly (readonly [attribute: string, path: paths.Path])[];
}

/** What may be shown of a field when no verdict can be had. */
export interface FieldFallback {
  readonly pass: boolean;
  readonly mask: Mask;
}

/** Where fields and attributes sit in a message, with the declared types of all attributes. */
export interface MessageMap {
  readonly application: string;
  readonly name: string;
  readonly parts: readonly Part[];
  readonly types: ReadonlyMap<string, AttributeType>;
  readonly revision: bigint;
  readonly policyHash: string;
  readonly fallbacks: ReadonlyMap<string, FieldFallback>;
  /** Until when fields may pass without a verdict, in nanoseconds since 1970. */
  readonly passUntilNanos: bigint;
  /** Alarm when more than so many messages went without a verdict within so many seconds; 0 for never. */
  readonly alarmEvents: number;
  readonly alarmSeconds: number;
  /** Equal for maps that ask and mask alike, whatever policy set they come from. */
  readonly fingerprint: string;
}

/** What the caller says about a question. */
export interface Caller {
  readonly subject: Subject;
  readonly action?: Action | undefined;
  readonly resource?: Resource | undefined;
  readonly context?: Attributes | undefined;
}

/** One resource of the message: its part, its place, what to ask about it, and where each of its fields is. */
export interface Question {
  readonly part: Part;
  readonly place: paths.Place;
  readonly resource: ResourceMessage;
  readonly fields: readonly (readonly [field: string, places: readonly paths.Place[]])[];
}

/** All questions about a message and what they share. `problems` are as in `Masked`. */
export interface Plan {
  readonly map: MessageMap;
  readonly subject: SubjectMessage;
  readonly action: ActionMessage;
  readonly context: Record<string, Value>;
  readonly questions: readonly Question[];
  readonly problems: readonly string[];
}

/** Return the map that the service sent. Throws PathError. */
export function fromResponse(response: GetMessageMapResponse): MessageMap {
  const source = response.messageMap;
  const parts = (source?.parts ?? []).map((part) => ({
    name: part.name,
    path: paths.parse(part.path || "$"),
    resourceType: part.resourceType,
    resourceId: part.resourceId ? paths.parse(part.resourceId) : undefined,
    fields: part.fields.map((field) => [field.field, field.paths.map(paths.parse)] as const),
    attributes: part.attributes.map((a) => [a.attribute, paths.parse(a.path)] as const),
  }));
  const types = new Map(Object.entries(response.attributeTypes));
  const shape = parts.map((part) => [
    part.name,
    part.path.text,
    part.resourceType,
    part.resourceId?.text,
    part.fields.map(([field, found]) => [field, found.map((path) => path.text)]),
    part.attributes.map(([attribute, path]) => [attribute, path.text]),
  ]);
  return {
    application: source?.application ?? "",
    name: source?.name ?? "",
    parts,
    types,
    revision: response.revision,
    policyHash: response.policyHash,
    fallbacks: new Map(
      response.fallbacks.map((f) => [f.field, { pass: f.pass, mask: f.mask ? maskOf(f.mask) : FULL }]),
    ),
    passUntilNanos: response.passUntilNanos,
    alarmEvents: response.alarmEvents,
    alarmSeconds: response.alarmSeconds,
    fingerprint: JSON.stringify([shape, [...types].sort(([a], [b]) => (a < b ? -1 : 1))]),
  };
}

// A bundle's masks are the same objects in every decision by it.
const known = new WeakMap<MaskMessage, Mask>();

/** Return a mask as the service sends it. */
export function maskOf(mask: MaskMessage): Mask {
  let found = known.get(mask);
  if (found === undefined) {
    // A parameter of a kind that this client does not know becomes null, which no mask accepts: the field is dropped.
    const names = Object.keys(mask.parameters).sort();
    const parameters = Object.fromEntries(names.map((name) => [name, values.plain(mask.parameters[name] as Value)]));
    found = { algorithm: mask.algorithm, parameters, name: mask.name };
    known.set(mask, found);
  }
  return found;
}

/** Return the subject with attributes already typed. Throws AttributeValueError. */
export function subjectOf(subject: Subject, attributes: Record<string, Value>): SubjectMessage {
  const roles = (subject.roles ?? []).map((role) => values.textOf("subject.roles", role));
  return Object.assign(create(SubjectSchema), { id: values.textOf("subject.id", subject.id), roles, attributes });
}

/** Return the action with attributes already typed. Throws AttributeValueError. */
export function actionOf(action: Action, attributes: Record<string, Value>): ActionMessage {
  return Object.assign(create(ActionSchema), { name: values.textOf("action.name", action.name ?? ""), attributes });
}

/** Return the resource with attributes already typed. Throws AttributeValueError. */
export function resourceOf(resource: Resource, attributes: Record<string, Value>): ResourceMessage {
  const type = values.textOf("resource.type", resource.type ?? "");
  return Object.assign(create(ResourceSchema), {
    type,
    id: values.textOf("resource.id", resource.id ?? ""),
    attributes,
  });
}

/** Return a question as an item of a batch. */
export function itemOf(question: Question, map: MessageMap): BatchItem {
  const { application, name } = map;
  const message = create(MessageRefSchema, { application, name, part: question.part.name });
  return create(BatchItemSchema, { resource: question.resource, message });
}

/**
 * Return what to ask about a message. `decimals` says which of its objects are numbers. Throws MessageMismatchError, and
 * AttributeValueError for ids and names that are no text.
 */
export function plan(map: MessageMap, message: unknown, caller: Caller, decimals?: DecimalText): Plan {
  return new Planner(map, message, caller, decimals).plan();
}

/** Builds a Plan. What the caller gives wins over what the message holds. */
class Planner {
  readonly #map: MessageMap;
  readonly #message: unknown;
  readonly #caller: Caller;
  readonly #decimals: DecimalText | undefined;
  readonly #problems = new Set<string>();
  readonly #shared: ReadonlyMap<string, Record<string, Value>>;
  readonly #given: ResourceMessage;

  constructor(map: MessageMap, message: unknown, caller: Caller, decimals: DecimalText | undefined) {
    this.#map = map;
    this.#message = message;
    this.#caller = caller;
    this.#decimals = decimals;
    this.#shared = new Map([
      ["subject", this.#declared("subject", caller.subject.attributes)],
      ["action", this.#declared("action", caller.action?.attributes)],
      ["context", this.#declared("context", caller.context)],
    ]);
    this.#given = resourceOf(caller.resource ?? {}, this.#declared("resource", caller.resource?.attributes));
  }

  plan(): Plan {
    const questions = this.#questions();
    const context = this.#shared.get("context") as Record<string, Value>;
    // The map names the application anyway, and most scopes ask for it.
    if (this.#map.types.has("context.application") && !("application" in context)) {
      context.application = values.typedValue(this.#map.application, AttributeType.STRING);
    }
    return {
      map: this.#map,
      subject: subjectOf(this.#caller.subject, this.#shared.get("subject") as Record<string, Value>),
      action: actionOf(this.#caller.action ?? {}, this.#shared.get("action") as Record<string, Value>),
      context,
      questions,
      problems: [...this.#problems],
    };
  }

  #questions(): Question[] {
    const questions: Question[] = [];
    let inherited = this.#given;
    for (const part of this.#map.parts) {
      if (part.name !== "") continue;
      inherited = this.#resource(part, [], create(ResourceSchema));
      for (const [name, value] of this.#attributes(part, [])) {
        const [namespace, rest] = split(name);
        const target = namespace === "resource" ? inherited.attributes : this.#shared.get(namespace);
        if (target !== undefined && !(rest in target)) target[rest] = value;
      }
      const given = this.#given;
      Object.assign(inherited.attributes, given.attributes);
      inherited.type = given.type || inherited.type;
      inherited.id = given.id || inherited.id;
      if (part.fields.length > 0) questions.push(this.#question(part, [], inherited));
    }
    for (const part of this.#map.parts) {
      if (part.name !== "" && part.fields.length > 0) this.#items(part, inherited, questions);
    }
    return questions;
  }

  #items(part: Part, inherited: ResourceMessage, questions: Question[]): void {
    for (const [place, items] of paths.find(this.#message, part.path)) {
      if (items === null || items === undefined) continue;
      if (!Array.isArray(items)) {
        throw new MessageMismatchError(`path \`${part.path.text}\` expects a list at \`${paths.show(place)}\``);
      }
      for (const [index, item] of items.entries()) {
        if (item === null || item === undefined) continue;
        const here = [...place, index];
        const resource = this.#resource(part, here, inherited);
        for (const [name] of part.attributes) {
          // An account without a balance must not be judged by its customer's.
          if (name.startsWith("resource.")) delete resource.attributes[name.slice("resource.".length)];
        }
        for (const [name, value] of this.#attributes(part, here)) {
          const [namespace, rest] = split(name);
          if (namespace === "resource") resource.attributes[rest] = value;
          else this.#problems.add(`attribute \`${name}\` of list \`${part.name}\` is not of the resource`);
        }
        questions.push(this.#question(part, here, resource));
      }
    }
  }

  #question(part: Part, place: paths.Place, resource: ResourceMessage): Question {
    // Found before anything is asked, so that a message that does not fit is refused before anything is decided.
    const fields = part.fields.map(([field, own]) => {
      const places = own.flatMap((path) => paths.find(this.#message, path, place).map(([hit]) => hit));
      return [field, places] as const;
    });
    return { part, place, resource, fields };
  }

  /** Return a part's resource: its type and id where the map has them, else the inherited ones. */
  #resource(part: Part, place: paths.Place, inherited: ResourceMessage): ResourceMessage {
    const attributes = Object.assign(values.emptyMap<Value>(), inherited.attributes);
    let id = inherited.id;
    if (part.resourceId !== undefined) {
      const value = this.#read("resource.id", part.resourceId, place, AttributeType.STRING);
      // Without an id of its own an item must not pass for the message's resource.
      id = value?.kind.case === "stringValue" ? value.kind.value : "";
    }
    return Object.assign(create(ResourceSchema), { type: part.resourceType || inherited.type, id, attributes });
  }

  *#attributes(part: Part, place: paths.Place): Generator<readonly [string, Value]> {
    for (const [name, path] of part.attributes) {
      const type = this.#map.types.get(name);
      const [namespace] = split(name);
      if (BUILT_IN.has(name) || type === undefined || !(namespace === "resource" || this.#shared.has(namespace))) {
        this.#problems.add(`attribute \`${name}\` cannot be taken from a message`);
        continue;
      }
      const value = this.#read(name, path, place, type);
      if (value !== undefined) yield [name, value];
    }
  }

  #read(name: string, path: paths.Path, place: paths.Place, type: AttributeType): Value | undefined {
    const found = paths
      .find(this.#message, path, place)
      .map(([, value]) => value)
      .filter((value) => value !== null && value !== undefined);
    if (found.length === 0) return undefined;
    const { many } = path;
    if (many && !values.isListType(type)) {
      this.#problems.add(`attribute \`${name}\` at \`${path.text}\` has many values and is no list`);
      return undefined;
    }
    try {
      return values.typedValue(many ? found : found[0], type, this.#decimals);
    } catch (error) {
      if (!(error instanceof AttributeValueError)) throw error;
      this.#problems.add(`attribute \`${name}\` at \`${path.text}\`: ${error.message}`);
      return undefined;
    }
  }

  /** Return the caller's attributes as the policy set declares them; undeclared ones as JavaScript has them. */
  #declared(namespace: string, attributes: Attributes | undefined): Record<string, Value> {
    const found = values.emptyMap<Value>();
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined) continue;
      const dotted = `${namespace}.${values.textOf("the name of an attribute", name)}`;
      const type = this.#map.types.get(dotted);
      try {
        found[name] = type === undefined ? values.toValue(value) : values.typedValue(value, type, this.#decimals);
      } catch (error) {
        if (!(error instanceof AttributeValueError)) throw error;
        this.#problems.add(`attribute \`${dotted}\`: ${error.message}`);
      }
    }
    return found;
  }
}

function split(name: string): [namespace: string, rest: string] {
  const dot = name.indexOf(".");
  return [name.slice(0, dot), name.slice(dot + 1)];
}
