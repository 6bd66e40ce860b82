import { readdir } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { processesWith } from '../support/host-traces.ts';

/** What drivers have in the agent's directory of guests beside a directory for each. */
const simulator = 'test-simulator.sock';
const shared = '_shared';

export const simulatorSocket = (runDir: string): string => join(runDir, simulator);

export const simulators = async (runDir: string): Promise<number> => (await processesWith(simulatorSocket(runDir))).length;

/** The uids of guests that have a directory, or a part of what containers share. */
export async function guestDirectories(runDir: string): Promise<string[]> {
  const own = (await readdir(runDir)).filter((name) => name !== simulator && name !== shared);
  const parts = await readdir(join(runDir, shared)).catch(() => []);
  return [...new Set([...own, ...parts.map((name) => parse(name).name)])];
}
