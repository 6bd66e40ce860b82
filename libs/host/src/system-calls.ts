import type { DeviceNumbers, Terminal } from '@virtmesh/driver-spi';
import koffi from 'koffi';
import { constants } from 'node:fs';
import { getSystemErrorName } from 'node:util';

/** The calls of the kernel that Node has no name for. Each throws as Node does, with `code`. */
export interface SystemCalls {
  /** Two ends of a unix stream socket. */
  socketPair(): readonly [number, number];
  /** The two ends of a pipe. */
  pipe(): readonly [read: number, write: number];
  makeFifo(path: string, mode: number): void;
  makeCharacterDevice(path: string, mode: number, device: DeviceNumbers): void;
  /** Makes `onto` the same open file as `fd`; what it was is closed. */
  duplicateOnto(fd: number, onto: number): void;
  /** Lets the other side of a terminal's master be opened. */
  unlockTerminal(master: number): void;
  /** Opens the other side of a terminal's master, whatever is mounted at /dev/pts. */
  openTerminalPeer(master: number): number;
  setTerminalSize(master: number, size: Terminal): void;
  /** Has a terminal hand on what comes either way as it is, without echo, lines or signals. */
  makeTerminalRaw(master: number): void;
  /** Makes each read from a master one packet, whose first byte says what it is: tty_ioctl(2), TIOCPKT. */
  setPacketMode(master: number): void;
}

/** Linux's numbers, as x86, ARM, RISC-V and s390 have them. */
const number = {
  TIOCSPTLCK: 0x40045431,
  TIOCGPTPEER: 0x5441,
  TIOCSWINSZ: 0x5414,
  TIOCPKT: 0x5420,
  TCGETS: 0x5401,
  TCSETS: 0x5402,
  AF_UNIX: 1,
  SOCK_STREAM: 1,
  O_CLOEXEC: 0o2000000,
};

export function systemCalls(): SystemCalls {
  const library = koffi.load(null);
  const found = (definition: string, name: string): ((...args: readonly unknown[]) => number) => {
    const call = library.func(definition);
    return (...args) => {
      const answer: unknown = call(...args);
      if (typeof answer === 'number' && answer >= 0) return answer;
      const errno = koffi.errno();
      throw Object.assign(new Error(`${name}: ${getSystemErrorName(-errno)}`), {
        code: getSystemErrorName(-errno),
        errno: -errno,
        syscall: name,
      });
    };
  };
  const ioctl = found('int ioctl(int fd, unsigned long request, ...)', 'ioctl');
  const socketpair = found('int socketpair(int domain, int type, int protocol, void *pair)', 'socketpair');
  const pipe2 = found('int pipe2(void *pair, int flags)', 'pipe2');
  const mkfifo = found('int mkfifo(const char *path, unsigned int mode)', 'mkfifo');
  let mknod: ReturnType<typeof found> | undefined;
  const dup3 = found('int dup3(int fd, int onto, int flags)', 'dup3');
  return {
    socketPair: () => {
      const pair = new Int32Array(2);
      socketpair(number.AF_UNIX, number.SOCK_STREAM | number.O_CLOEXEC, 0, pair);
      return [pair[0] ?? -1, pair[1] ?? -1];
    },
    pipe: () => {
      const pair = new Int32Array(2);
      pipe2(pair, number.O_CLOEXEC);
      return [pair[0] ?? -1, pair[1] ?? -1];
    },
    makeFifo: (path, mode) => void mkfifo(path, mode),
    makeCharacterDevice: (path, mode, { major, minor }) => {
      // Looked up when it is needed: the oldest libraries that Node runs with have it under another name.
      mknod ??= found('int mknod(const char *path, unsigned int mode, unsigned long device)', 'mknod');
      mknod(path, constants.S_IFCHR | mode, (major << 8) | minor);
    },
    duplicateOnto: (fd, onto) => void dup3(fd, onto, number.O_CLOEXEC),
    unlockTerminal: (master) => void ioctl(master, number.TIOCSPTLCK, 'void *', new Int32Array(1)),
    openTerminalPeer: (master) => ioctl(master, number.TIOCGPTPEER, 'int', constants.O_RDWR | constants.O_NOCTTY | number.O_CLOEXEC),
    makeTerminalRaw: (master) => {
      // struct termios of the kernel: flags for input, output, the line, and the local ones; then the special characters.
      const settings = new Uint32Array(16);
      ioctl(master, number.TCGETS, 'void *', settings);
      settings[0] = settings[1] = settings[3] = 0;
      ioctl(master, number.TCSETS, 'void *', settings);
    },
    setPacketMode: (master) => void ioctl(master, number.TIOCPKT, 'void *', Int32Array.of(1)),
    setTerminalSize: (master, { rows, columns }) => void ioctl(master, number.TIOCSWINSZ, 'void *', Uint16Array.of(rows, columns, 0, 0)),
  };
}
