import { chmod, chown, constants, link, lstat, mkdtemp, readdir, readFile, rm, rmdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Fault } from '@virtmesh/base';
import type { Logger } from '../log.ts';
import type { UnixEndpoint } from './endpoint.ts';

/** The longest path that the kernel takes for a unix socket, without the final zero byte. */
const maxPathBytes = 107;

/** What is made beside a socket for the moment of its start, and how long that takes at the very most. */
const placeName = /^\.s[A-Za-z0-9]{6}$/;
const placeLifeMs = 60_000;

/** A place for a socket that nobody can connect to until it is published under its real path. */
export interface SocketPlace extends AsyncDisposable {
  /** Where to listen. */
  readonly temporaryPath: string;
  /** Gives the listening socket its mode, group and real path, all at once for those who look. */
  publish(): Promise<void>;
  /** Takes the published path away if it is still this socket's. */
  withdraw(): Promise<void>;
}

/** Prepares a socket path: clears away what dead servers left. RESOURCE_IN_USE if a live one listens there. */
export async function prepareSocket(endpoint: UnixEndpoint, log: Logger): Promise<SocketPlace> {
  const { path } = endpoint;
  if (Buffer.byteLength(path) > maxPathBytes - 10) {
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `the socket path ${path} is too long: the kernel takes ${maxPathBytes} bytes, of which 10 are needed beside it; choose a shorter one`,
      { path },
    );
  }
  await clearStale(path);
  await sweep(dirname(path));
  // Beside the real path, since a link cannot leave its file system; short, since its path must fit as well.
  const directory = await mkdtemp(join(dirname(path), '.s')).catch((thrown: unknown) => {
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `the socket ${path} cannot be made: ${errorText(thrown)}; make its directory writable for this service`,
      { path },
      { cause: thrown },
    );
  });
  const temporaryPath = join(directory, 's');
  let inode: bigint | undefined;
  return {
    temporaryPath,
    async publish() {
      await chmod(temporaryPath, endpoint.mode);
      await giveToGroup(temporaryPath, endpoint.group, log);
      inode = (await lstat(temporaryPath, { bigint: true })).ino;
      await link(temporaryPath, path).catch((thrown: unknown) => {
        throw isErrno(thrown, 'EEXIST') ? taken(path) : thrown;
      });
      await rm(directory, { recursive: true, force: true });
    },
    async withdraw() {
      const present = await lstat(path, { bigint: true }).catch(() => undefined);
      if (present !== undefined && present.ino === inode) await unlink(path).catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function clearStale(path: string): Promise<void> {
  const present = await lstat(path).catch((thrown: unknown) => {
    if (isErrno(thrown, 'ENOENT')) return undefined;
    throw new Fault('HOST_INCOMPATIBLE', `the socket ${path} cannot be looked at: ${errorText(thrown)}`, { path }, { cause: thrown });
  });
  if (present === undefined) return;
  if (!present.isSocket())
    throw new Fault('RESOURCE_IN_USE', `${path} is there and is not a socket; move it away or choose another path`, { path });
  if (await answers(path)) throw taken(path);
  await unlink(path).catch((thrown: unknown) => {
    if (!isErrno(thrown, 'ENOENT'))
      throw new Fault(
        'HOST_INCOMPATIBLE',
        `the socket ${path} of a dead server cannot be removed: ${errorText(thrown)}`,
        { path },
        { cause: thrown },
      );
  });
}

/** Removes the directories that starts which were killed left there. What cannot be removed does no harm. */
async function sweep(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) if (placeName.test(name)) await removeDeadPlace(join(directory, name)).catch(() => undefined);
}

async function removeDeadPlace(directory: string): Promise<void> {
  const { mode, mtimeMs, uid } = await lstat(directory);
  // As mkdtemp makes it; one that is young may be of a server that begins just now.
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR || (mode & 0o777) !== 0o700 || uid !== process.geteuid?.()) return;
  if (Date.now() - mtimeMs < placeLifeMs) return;
  const socket = join(directory, 's');
  const present = await lstat(socket).catch(() => undefined);
  if (present && (!present.isSocket() || (await answers(socket)))) return;
  if (present) await unlink(socket);
  // Where something else is in it, it stays.
  await rmdir(directory);
}

const taken = (path: string): Fault =>
  new Fault('RESOURCE_IN_USE', `another server listens on ${path}; stop it first, or choose another path`, { path });

/** Whether somebody accepts connections there. A refusal is the only proof that nobody does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (thrown) => {
      if (isErrno(thrown, 'ECONNREFUSED') || isErrno(thrown, 'ENOENT')) resolve(false);
      else if (isErrno(thrown, 'EAGAIN')) resolve(true);
      else
        reject(
          new Fault(
            'HOST_INCOMPATIBLE',
            `whether a server listens on ${path} cannot be told: ${errorText(thrown)}`,
            { path },
            { cause: thrown },
          ),
        );
    });
  });
}

async function giveToGroup(path: string, group: string | undefined, log: Logger): Promise<void> {
  if (group === undefined) return;
  const id = await groupId(group);
  if (id === undefined) return log.warn({ group }, 'the group of the socket does not exist; only the owner can connect');
  await chown(path, -1, id).catch((thrown: unknown) => log.warn({ group, err: thrown }, 'the socket cannot be given to its group'));
}

async function groupId(name: string): Promise<number | undefined> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  for (const line of groups.split('\n')) {
    const [known, , id] = line.split(':');
    if (known === name && id !== undefined) return Number(id);
  }
  return undefined;
}

function isErrno(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}

const errorText = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
