import type { ExitStatus } from '@virtmesh/driver-spi';
import koffi from 'koffi';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** A program to start in `/`. */
export interface ProgramStart {
  /** Its file. */
  readonly path: string;
  /** All of its arguments, its own name first. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What is open in it, by descriptor number from 0; undefined for /dev/null. None is less than how many there are. */
  readonly descriptors: readonly (number | undefined)[];
  /** In a session of its own. */
  readonly session: boolean;
}

/** Starts programs without a copy of the agent's memory map, which Node makes for each: some milliseconds that grow with the agent. */
export interface PosixSpawn {
  /** Resolves with its pid; throws as Node does, with `code`. It takes until the program has taken the place of this one, which the event loop does not wait for. */
  start(program: ProgramStart): Promise<number>;
  /** How a child ended, which is then forgotten; undefined while it runs. */
  reap(pid: number): ExitStatus | undefined;
}

/** Enough for what glibc and musl keep of an order, which is 336 bytes at most. */
const structBytes = 1024;
const [setSignalDefaults, setSignalMask, setSession] = [0x04, 0x08, 0x80] as const;
const [O_RDWR, WNOHANG] = [2, 1] as const;

/** posix_spawn(3) and waitpid(2). */
export function posixSpawn(): PosixSpawn {
  const library = koffi.load(null);
  const found = (definition: string): ((...args: readonly unknown[]) => number) => library.func(definition);
  const spawn = library.func(
    'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **env)',
  );
  /** In one of the threads that do Node's input and output, which live as long as the agent. */
  const spawnAside = (...args: readonly unknown[]): Promise<number> =>
    new Promise((resolve, reject) => {
      spawn.async(...args, (thrown: unknown, errno: number) => (thrown ? reject(thrown) : resolve(errno)));
    });
  const waitpid = found('int waitpid(int pid, _Out_ int *status, int options)');
  const actions = {
    init: found('int posix_spawn_file_actions_init(void *actions)'),
    destroy: found('int posix_spawn_file_actions_destroy(void *actions)'),
    open: found('int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)'),
    duplicate: found('int posix_spawn_file_actions_adddup2(void *actions, int fd, int onto)'),
    changeDirectory: found('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)'),
  };
  const attributesOf = attributes(found);
  const [plain, ofSession] = [attributesOf(false), attributesOf(true)];
  const start = async ({ path, argv, environment, descriptors, session }: ProgramStart): Promise<number> => {
    const order = Buffer.alloc(structBytes);
    const pid = [0];
    checked('posix_spawn_file_actions_init', actions.init(order));
    try {
      checked('posix_spawn_file_actions_addchdir_np', actions.changeDirectory(order, '/'));
      for (const [descriptor, fd] of descriptors.entries()) {
        const failed =
          fd === undefined ? actions.open(order, descriptor, '/dev/null', O_RDWR, 0) : actions.duplicate(order, fd, descriptor);
        checked('posix_spawn_file_actions_adddup2', failed);
      }
      const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
      checked('posix_spawn', await spawnAside(pid, path, order, session ? ofSession : plain, [...argv, null], [...variables, null]));
    } finally {
      actions.destroy(order);
    }
    return pid[0] ?? 0;
  };
  const reap = (pid: number): ExitStatus | undefined => {
    const status = [0];
    const answer = waitpid(pid, status, WNOHANG);
    if (answer === 0) return undefined;
    return answer === pid ? exitStatus(status[0] ?? 0) : { code: undefined, signal: undefined };
  };
  return { start, reap };
}

/** Signals are as they are by default, and none is held back: Node's own ways with them are not a program's. */
const attributes =
  (found: (definition: string) => (...args: readonly unknown[]) => number) =>
  (session: boolean): Buffer => {
    const [order, signals] = [Buffer.alloc(structBytes), Buffer.alloc(structBytes)];
    checked('posix_spawnattr_init', found('int posix_spawnattr_init(void *attributes)')(order));
    const flags = setSignalDefaults | setSignalMask | (session ? setSession : 0);
    checked('posix_spawnattr_setflags', found('int posix_spawnattr_setflags(void *attributes, short flags)')(order, flags));
    // All zeros are the empty set, which the mask is from the beginning.
    found('int sigfillset(void *signals)')(signals);
    const setDefaults = found('int posix_spawnattr_setsigdefault(void *attributes, void *signals)');
    checked('posix_spawnattr_setsigdefault', setDefaults(order, signals));
    return order;
  };

function checked(syscall: string, errno: number): void {
  if (errno === 0) return;
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${syscall}: ${code}`), { code, errno: -errno, syscall });
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name] as const));

/** Of what the kernel tells a parent. */
function exitStatus(status: number): ExitStatus {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: undefined };
  return { code: undefined, signal: signalNames.get(signal) ?? `SIG${signal}` };
}
