import type { Duplex, Readable } from 'node:stream';
import type { FileOwner } from './files.ts';

/** A listening unix socket that a child can inherit. */
export interface ListeningSocket {
  readonly fd: number;
  /** Closes the agent's end; the path stays. */
  close(): Promise<void>;
}

/** A listening unix socket that takes one connection. To dispose of it closes it, removes its path, and ends the wait for a connection. */
export interface OneConnection extends AsyncDisposable {
  readonly connection: Promise<Duplex>;
}

/** A FIFO that another process writes into. To dispose of it removes its path and closes the reading end, so that who writes on fails. */
export interface Intake extends AsyncDisposable {
  /** Ends when the last writer has closed. */
  readonly incoming: Readable;
}

/** Both ends of a pipe, to be inherited. */
export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
  /** Puts a text into it before anybody reads; at most 64 KiB, which is what it holds. */
  prime(text: string): void;
  closeRead(): void;
  closeWrite(): void;
}

/** A FIFO that is read, and never ends: it is open for writing too. */
export interface Fifo extends AsyncDisposable {
  readonly incoming: Readable;
  /** Puts bytes (at most 4096, which stay together) behind those that others have written. */
  write(bytes: Uint8Array): void;
}

/** Sockets, FIFOs, pipes, and what else is inherited. */
export interface HostSockets {
  /** A listening unix socket at a path (at most 107 bytes). Nothing is accepted by the agent itself. */
  listen(path: string): Promise<ListeningSocket>;
  /** A path that begins with a NUL is a name in the abstract namespace. */
  connect(path: string, signal: AbortSignal): Promise<Duplex>;
  /**
   * Listens at a path (at most 107 bytes) for one connection, from the owner's processes alone. HOST_INCOMPATIBLE where
   * others than the agent, such as that owner, can write in the directory: they could have any file handed to the owner.
   */
  acceptOne(path: string, owner: FileOwner | undefined): Promise<OneConnection>;
  /** Makes a FIFO at a path, for the owner's processes alone to write into. HOST_INCOMPATIBLE as for `acceptOne`. */
  intake(path: string, owner: FileOwner | undefined): Promise<Intake>;
  /** Makes a FIFO at a path, or takes the one that is there. */
  fifo(path: string): Promise<Fifo>;
  /** The same to be inherited, open both ways: who reads it does not see it end when those who write into it do. */
  inheritableFifo(path: string): Promise<{ readonly fd: number; close(): void }>;
  /** A /dev/null to be inherited that is nobody else's, and has no name: it is made at a path for a moment, where devices can be. */
  inheritableNull(path: string): { readonly fd: number; close(): void };
  /** The write side of a FIFO; ENXIO where nobody reads it. */
  writeFifo(path: string): Promise<Duplex>;
  /** Whether a TCP address can be listened on now. */
  isFree(address: string, port: number): Promise<boolean>;
  pipe(): Promise<Pipe>;
}
