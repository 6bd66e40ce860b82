import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { defaultSettings, type SimulatorSettings } from '../protocol/settings.ts';
import { Simulator } from './simulator.ts';

// A process of its own, started by the driver: `main.ts {settings} {path of the socket}`, with that socket as descriptor 3.
const [settingsJson = '{}', socketPath = ''] = process.argv.slice(2);
const settings: SimulatorSettings = { ...defaultSettings, ...(JSON.parse(settingsJson) as Partial<SimulatorSettings>) };
let idleTimer: NodeJS.Timeout | undefined;

function endIfIdle(): void {
  if (!simulator.isIdle) return;
  rmSync(socketPath, { force: true });
  process.exit(0);
}

const simulator = new Simulator(settings, {
  instance: randomUUID(),
  pid: process.pid,
  heapBytes: () => process.memoryUsage().heapUsed,
  onIdle: (idle) => {
    clearTimeout(idleTimer);
    if (idle) idleTimer = setTimeout(endIfIdle, settings.idleEndMs);
  },
});

const server = createServer((connection) => simulator.serve(connection));
server.listen({ fd: 3 });
// Whoever started it may never come.
idleTimer = setTimeout(endIfIdle, settings.idleEndMs);
