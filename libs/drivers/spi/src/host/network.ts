/** A tap device to make. */
export interface TapOrder {
  readonly name: string;
  /** The user that may open it. */
  readonly uid: number;
  readonly bridge: string;
  /** 0 for the bridge's own. */
  readonly mtuBytes: number;
  /** What the host shows beside its name, for people and tools: a word of at most 255 characters that says whose it is. */
  readonly alias: string;
}

/** The traffic of an interface, as the host counts it. */
export interface InterfaceCounters {
  readonly receiveBytes: bigint;
  readonly receivePackets: bigint;
  readonly receiveErrors: bigint;
  readonly receiveDrops: bigint;
  readonly transmitBytes: bigint;
  readonly transmitPackets: bigint;
  readonly transmitErrors: bigint;
  readonly transmitDrops: bigint;
}

/** A pair of interfaces that are the ends of one cable. */
export interface VethOrder {
  /** The end that stays with the host. */
  readonly name: string;
  readonly bridge: string;
  /** The end that goes into the network namespace of a process. */
  readonly peer: { readonly name: string; readonly macAddress: string; readonly pid: number };
  /** 0 for the bridge's own. */
  readonly mtuBytes: number;
}

/** How an interface is set up in the network namespace of a process. */
export interface InnerInterface {
  readonly pid: number;
  readonly name: string;
  /** With their prefix lengths. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
}

/** An interface as the network namespace of a process shows it. */
export interface InterfaceLook {
  readonly name: string;
  readonly macAddress: string;
  /** With their prefix lengths. */
  readonly addresses: readonly string[];
}

/** Who has an address, as the host has learnt it. */
export interface Neighbour {
  readonly address: string;
  readonly macAddress: string;
}

/** The host's interfaces, and those in the network namespaces of processes. */
export interface HostNetwork {
  exists(name: string): boolean;
  isBridge(name: string): Promise<boolean>;
  /** Whether the host's end of a cable is in. */
  setUp(name: string, up: boolean, signal: AbortSignal): Promise<void>;
  /** Makes a pair of which one end is on a bridge and the other in a network namespace. Repeatable: one that was half made is completed. */
  addVeth(order: VethOrder, signal: AbortSignal): Promise<void>;
  /** Gives an interface of the host to the network namespace of a process. */
  moveTo(name: string, pid: number, signal: AbortSignal): Promise<void>;
  /** Takes an interface back out of the network namespace of a process. */
  takeBack(name: string, pid: number, signal: AbortSignal): Promise<void>;
  /** Sets up an interface that is in the network namespace of a process, and puts it up. */
  setUpInner(inner: InnerInterface, signal: AbortSignal): Promise<void>;
  /** All interfaces of the network namespace of a process. */
  inner(pid: number, signal: AbortSignal): Promise<readonly InterfaceLook[]>;
  /** Whom the host has talked with lately. */
  neighbours(signal: AbortSignal): Promise<readonly Neighbour[]>;
  /** Makes tap devices and puts them into their bridges, up; those that are there are made anew. */
  addTaps(taps: readonly TapOrder[], signal: AbortSignal): Promise<void>;
  /** Absence is success. */
  removeTaps(names: readonly string[], signal: AbortSignal): Promise<void>;
  /** As the host counts; undefined where there is no such interface. */
  counters(name: string): InterfaceCounters | undefined;
}
