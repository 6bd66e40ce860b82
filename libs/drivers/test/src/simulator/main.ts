import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { defaultSettings, type SimulatorSettings } from '../protocol/settings.ts';
import { Simulator } from './server.ts';

// A process of its own, started by the driver: `main.ts {settings}`, with the listening socket as descriptor 3.
const settings: SimulatorSettings = { ...defaultSettings, ...(JSON.parse(process.argv[2] ?? '{}') as Partial<SimulatorSettings>) };
let idleTimer: NodeJS.Timeout | undefined;

const simulator = new Simulator(settings, {
  instance: randomUUID(),
  pid: process.pid,
  heapBytes: () => process.memoryUsage().heapUsed,
  onIdle: (idle) => {
    clearTimeout(idleTimer);
    if (idle) idleTimer = setTimeout(() => simulator.isIdle && process.exit(0), settings.idleEndMs);
  },
});

const server = createServer((connection) => simulator.serve(connection));
server.listen({ fd: 3 });
// Whoever started it may never come.
idleTimer = setTimeout(() => simulator.isIdle && process.exit(0), settings.idleEndMs);
