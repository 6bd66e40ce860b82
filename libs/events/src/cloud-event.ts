import { decodeHeaderValue, encodeHeaderValue } from './header-encoding.ts';

/** A CloudEvents 1.0 event. */
export interface CloudEvent {
  readonly id: string;
  /** Where it happened: a URI reference. */
  readonly source: string;
  /** What happened, such as `io.virtmesh.domain.started.v1`. */
  readonly type: string;
  /** The object that it happened to. */
  readonly subject?: string;
  readonly time?: Date;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  /** Further attributes by name: lower-case letters and digits. */
  readonly extensions: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

/** The headers and payload of a NATS message. */
export interface BinaryMessage {
  readonly headers: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
}

const prefix = 'ce-';
const attributeName = /^[a-z0-9]+$/;
const required = ['id', 'source', 'type'] as const;
const optional = ['subject', 'datacontenttype', 'dataschema'] as const;
const known = new Set<string>(['specversion', 'time', ...required, ...optional]);

/** An event as a NATS message in binary mode: each attribute a `ce-` header, the data as the payload. */
export function encodeCloudEvent(event: CloudEvent): BinaryMessage {
  const headers = new Map<string, string>([[`${prefix}specversion`, '1.0']]);
  const put = (name: string, value: string): void => {
    if (!attributeName.test(name))
      throw new TypeError(`CloudEvents attribute name ${JSON.stringify(name)} is not lower-case letters and digits`);
    headers.set(prefix + name, encodeHeaderValue(value));
  };
  for (const name of required) {
    if (event[name] === '') throw new TypeError(`CloudEvents attribute ${name} must not be empty`);
    put(name, event[name]);
  }
  for (const name of optional) {
    const value = event[name];
    if (value !== undefined && value !== '') put(name, value);
  }
  if (event.time) put('time', event.time.toISOString());
  for (const [name, value] of Object.entries(event.extensions)) {
    if (known.has(name)) throw new TypeError(`CloudEvents extension ${name} has the name of an attribute`);
    if (value !== '') put(name, value);
  }
  return { headers, data: event.data };
}

/** The event of a NATS message in binary mode; throws a TypeError that says what is wrong with it. */
export function decodeCloudEvent(message: BinaryMessage): CloudEvent {
  const attributes = new Map<string, string>();
  for (const [header, value] of message.headers) {
    const name = header.toLowerCase();
    if (name.startsWith(prefix)) attributes.set(name.slice(prefix.length), decodeHeaderValue(value));
  }
  const version = attributes.get('specversion');
  if (version !== '1.0')
    throw new TypeError(`the message is not a CloudEvents 1.0 event in binary mode (ce-specversion is ${JSON.stringify(version ?? null)})`);
  const [id, source, type] = required.map((name) => {
    const value = attributes.get(name);
    if (!value) throw new TypeError(`the message has no ce-${name} header`);
    return value;
  }) as [string, string, string];
  const time = attributes.get('time');
  if (time !== undefined && Number.isNaN(Date.parse(time))) throw new TypeError(`ce-time ${JSON.stringify(time)} is not a time`);
  const extensions = Object.fromEntries([...attributes].filter(([name]) => !known.has(name)));
  return {
    id,
    source,
    type,
    ...Object.fromEntries(optional.flatMap((name) => (attributes.has(name) ? [[name, attributes.get(name)]] : []))),
    ...(time === undefined ? {} : { time: new Date(time) }),
    extensions,
    data: message.data,
  };
}
