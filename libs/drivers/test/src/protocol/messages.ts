import type { Violation } from '@virtmesh/base';
import type { DriverEvent, ObservedState } from '@virtmesh/driver-spi';
import type { ClockSettings, Latencies } from './settings.ts';
import type { EndAction, PowerMode, StateReason } from './words.ts';
import type { GuestAct, InjectedFault, PlantedFault } from './faults.ts';

/** What both sides say first. They understand each other where it is the same. */
export const protocolVersion = 1;

/** What the simulator knows of a guest's definition. Guests of the same shape share one. */
export interface Profile {
  readonly memoryBytes: number;
  readonly vcpus: number;
  /** Whether a guest agent runs in it, behind a channel. */
  readonly agent: boolean;
  readonly container: boolean;
  /** The accelerator that is simulated: `kvm`, `tcg`, or empty. */
  readonly accelerator: string;
  /** The ids of serial ports and consoles, in the order in which they are offered. */
  readonly consoles: readonly string[];
  readonly displays: readonly string[];
  readonly disks: readonly string[];
  readonly interfaces: readonly string[];
  /** Devices that can be let go of, by id. */
  readonly removable: readonly string[];
  readonly onPoweroff: EndAction;
  readonly onReboot: EndAction;
  readonly onCrash: EndAction;
}

/** A guest as the simulator shows it. */
export interface GuestView {
  readonly state: ObservedState;
  readonly reason: StateReason;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly agentConnected: boolean;
  readonly accelerator: string;
  /** Whether its start came to its end; one that is half made is nobody's. */
  readonly begun: boolean;
}

/** What a guest has used. */
export interface GuestUsage {
  readonly cpuNs: number;
  readonly memoryBytes: number;
  readonly vcpus: number;
  /** Bytes and requests that each disk has read and written. */
  readonly disks: readonly { readonly id: string; readonly read: number; readonly written: number }[];
  /** Bytes that each interface has received and sent. */
  readonly interfaces: readonly { readonly id: string; readonly received: number; readonly sent: number }[];
}

interface Of {
  readonly uid: string;
}
type Nothing = object;

/** Every verb with what it takes and what it answers. Bytes are base64. */
export interface Verbs {
  readonly hello: {
    args: { readonly version: number };
    answer: { readonly version: number; readonly instance: string; readonly pid: number };
  };
  readonly create: { args: Of & { readonly id: string; readonly profile: Profile; readonly state?: string }; answer: Nothing };
  readonly run: { args: Of & { readonly paused: boolean }; answer: GuestView };
  readonly discard: { args: Of; answer: Nothing };
  readonly shutdown: { args: Of & { readonly mode: PowerMode }; answer: Nothing };
  readonly destroy: { args: Of & { readonly graceMs: number }; answer: Nothing };
  readonly observe: { args: Of; answer: GuestView };
  readonly release: { args: Of; answer: Nothing };
  readonly forget: { args: Of; answer: Nothing };
  readonly suspend: { args: Of; answer: Nothing };
  readonly resume: { args: Of; answer: Nothing };
  readonly reboot: { args: Of & { readonly mode: PowerMode }; answer: Nothing };
  readonly stats: { args: Of; answer: GuestUsage };
  readonly 'console-read': {
    args: Of & { readonly device: string; readonly from: number; readonly last: number; readonly wait: boolean };
    answer: { readonly bytes: string; readonly next: number; readonly ended: boolean };
  };
  readonly 'console-write': { args: Of & { readonly device: string; readonly bytes: string }; answer: Nothing };
  readonly update: { args: Of & { readonly profile: Profile; readonly memoryBytes: number; readonly vcpus: number }; answer: Nothing };
  readonly plug: { args: Of & { readonly device: string; readonly profile: Profile }; answer: Nothing };
  readonly unplug: {
    args: Of & { readonly device: string; readonly profile: Profile; readonly timeoutMs: number };
    answer: Nothing;
  };
  readonly change: { args: Of & { readonly device: string; readonly profile: Profile; readonly force: boolean }; answer: Nothing };
  readonly 'resize-disk': { args: Of & { readonly disk: string; readonly sizeBytes: number }; answer: Nothing };
  readonly save: { args: Of; answer: { readonly state: string; readonly memoryBytes: number } };
  readonly abandon: { args: Of; answer: Nothing };
  readonly dump: { args: Of & { readonly live: boolean }; answer: { readonly state: string; readonly memoryBytes: number } };
  readonly 'dump-end': { args: Of; answer: Nothing };
  readonly screen: { args: Of & { readonly display: string }; answer: { readonly lines: readonly string[] } };
  readonly keys: { args: Of & { readonly keys: readonly string[]; readonly holdMs: number }; answer: Nothing };
  readonly 'ask-agent': { args: Of; answer: { readonly upMs: number } };
  readonly freeze: { args: Of & { readonly mountPoints: readonly string[] }; answer: { readonly count: number } };
  readonly thaw: { args: Of & { readonly mountPoints: readonly string[] }; answer: { readonly count: number } };
  readonly 'exec-open': {
    args: Of & {
      readonly command: readonly string[];
      readonly environment: Readonly<Record<string, string>>;
      readonly directory: string;
      readonly terminal?: TerminalSize;
    };
    answer: { readonly session: number; readonly pid: number };
  };
  readonly 'exec-read': { args: Of & { readonly session: number }; answer: ExecPart };
  readonly 'exec-write': { args: Of & { readonly session: number; readonly bytes: string }; answer: Nothing };
  readonly 'exec-resize': { args: Of & { readonly session: number; readonly terminal: TerminalSize }; answer: Nothing };
  readonly 'exec-end-input': { args: Of & { readonly session: number }; answer: Nothing };
  readonly 'exec-kill': { args: Of & { readonly session: number; readonly signal: number }; answer: Nothing };
  readonly 'exec-close': { args: Of & { readonly session: number }; answer: Nothing };
  readonly 'control.inject': { args: InjectedFault; answer: { readonly fault: number } };
  readonly 'control.clear': { args: { readonly fault?: number }; answer: { readonly cleared: number } };
  readonly 'control.faults': { args: Nothing; answer: { readonly faults: readonly PlantedFault[] } };
  readonly 'control.act': { args: Of & { readonly act: GuestAct }; answer: Nothing };
  readonly 'control.clock': {
    args: ClockSettings & { readonly advanceMs?: number };
    answer: { readonly nowMs: number; readonly scale: number };
  };
  readonly 'control.latency': { args: Latencies; answer: { readonly latencies: Latencies } };
  readonly 'control.guests': {
    args: { readonly after: string; readonly count: number };
    answer: { readonly guests: readonly (Of & { readonly id: string; readonly state: ObservedState })[] };
  };
  readonly 'control.world': {
    args: Nothing;
    answer: { readonly guests: number; readonly active: number; readonly profiles: number; readonly heapBytes: number };
  };
}

/** A verb by its name. */
export type Verb = keyof Verbs;
/** What a verb takes. */
export type ArgsOf<V extends Verb> = Verbs[V]['args'];
/** What a verb answers. */
export type AnswerOf<V extends Verb> = Verbs[V]['answer'];
/** The verbs of a guest: what latencies and faults can be set for. */
export type GuestVerb = Exclude<Verb, 'hello' | `control.${string}`>;

/** How large a command's terminal is. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** What a command in a guest has written next, or how it ended. */
export type ExecPart =
  | { readonly t: 'bytes'; readonly stream: 'output' | 'error'; readonly bytes: string }
  | { readonly t: 'ended'; readonly exitCode: number; readonly signal: number };

/** DriverEvent with what JSON has, and the simulator's words. */
export type WireEvent =
  | Exclude<DriverEvent, { t: 'balloon' | 'state' }>
  | { readonly t: 'balloon'; readonly uid: string; readonly memoryBytes: number }
  | { readonly t: 'state'; readonly uid: string; readonly state: Exclude<ObservedState, 'gone'>; readonly reason: StateReason };

/** A fault as it goes over the wire. */
export interface WireFault {
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations?: readonly Violation[];
  readonly retryAfterMs?: number;
}

/** What a client sends, one JSON object a line. */
export type ToSimulator =
  | { readonly id: number; readonly verb: Verb; readonly args: object }
  /** Nobody waits for the answer any more; what has not begun does not happen. */
  | { readonly cancel: number };

/** What a client gets, one JSON object a line. */
export type FromSimulator =
  | { readonly id: number; readonly answer: object }
  | { readonly id: number; readonly fault: WireFault }
  | { readonly event: WireEvent };
