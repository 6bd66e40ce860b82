import { Fault } from '@virtmesh/base';
import type { SpawnedProcess, SpawnOrder, Terminal, TerminalOrder, TerminalProcess } from '@virtmesh/driver-spi';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { SystemCalls } from './system-calls.ts';

const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
const chunkBytes = 65_536;
/** What a packet of a terminal begins with: 0 before what was written, or bits for what was done to it. */
const packet = { data: 0, flowControlOff: 16 };

/** Starts a program with a new terminal, which is its controlling one. Nothing of the terminal is left open where that fails. */
export async function spawnInTerminal(
  calls: SystemCalls,
  spawn: (order: SpawnOrder) => Promise<SpawnedProcess>,
  { file, args, size }: TerminalOrder,
): Promise<TerminalProcess> {
  const { slave, side } = openTerminal(calls, size);
  try {
    const { identity, exited } = await spawn({
      file: 'setsid',
      args: ['--ctty', file, ...args],
      descriptors: [slave, slave, slave],
      // setsid then leads no group as it begins, need not fork to lead a session, and stays one process to the end.
      detached: false,
    });
    return { identity, exited, ...side };
  } catch (thrown) {
    side.stream.destroy();
    throw thrown;
  } finally {
    closeSync(slave);
  }
}

type MasterSide = Pick<TerminalProcess, 'stream' | 'takenOver' | 'resize' | 'makeRaw'>;

function openTerminal(calls: SystemCalls, size: Terminal): { readonly slave: number; readonly side: MasterSide } {
  const master = openSync('/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK);
  let slave: number | undefined;
  try {
    calls.unlockTerminal(master);
    calls.setPacketMode(master);
    calls.setTerminalSize(master, size);
    slave = calls.openTerminalPeer(master);
    return { slave, side: masterSide(calls, master) };
  } catch (thrown) {
    if (slave !== undefined) closeSync(slave);
    throw thrown;
  } finally {
    closeSync(master);
  }
}

/**
 * The master side, read and written by events. Node's own stream for terminals writes to a master in a way that holds up
 * the event loop, and Node asks what a descriptor is only when it takes it: so it takes a socket, in whose place the
 * terminal is put before anything is done with it.
 */
function masterSide(calls: SystemCalls, master: number): MasterSide {
  const [fd, other] = calls.socketPair();
  closeSync(other);
  const taken = Promise.withResolvers<void>();
  const socket = new Socket({
    fd,
    readable: true,
    writable: true,
    onread: {
      buffer: Buffer.allocUnsafe(chunkBytes),
      // One packet at a time. False ends the reading until there is room; what is still with the kernel outlives the writers.
      callback: (length, buffer) => {
        const kind = buffer[0] ?? packet.data;
        if (kind & packet.flowControlOff) taken.resolve();
        return kind !== packet.data || length < 2 || stream.push(Buffer.from(buffer.subarray(1, length)));
      },
    },
  });
  const stream: Duplex = new Duplex({
    read: () => void socket.resume(),
    write: (bytes: Buffer, _encoding, done) => void socket.write(bytes, done),
    destroy: (error, done) => {
      if (socket.closed) return done(error);
      socket.once('close', () => done(error));
      socket.destroy();
    },
  });
  stream.on('error', () => {});
  // By EIO the kernel says that no process has the terminal any more, which is the end.
  socket.on('error', () => {});
  socket.once('close', () => {
    taken.resolve();
    if (!stream.destroyed) stream.push(null);
  });
  try {
    calls.duplicateOnto(master, fd);
  } catch (thrown) {
    stream.destroy();
    throw thrown;
  }
  return {
    stream,
    takenOver: taken.promise,
    makeRaw: () => {
      if (!socket.destroyed) calls.makeTerminalRaw(fd);
    },
    resize: (size) => {
      if (socket.destroyed) throw new Fault('STATE_INVALID', 'the terminal is closed', { state: 'ended', allowed: 'running' });
      calls.setTerminalSize(fd, size);
    },
  };
}
