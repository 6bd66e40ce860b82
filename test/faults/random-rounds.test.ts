import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { linuxGuest } from '../support/domain-specs.ts';
import { guestImage, makeDisk } from '../support/guest-image.ts';
import { acknowledged } from './acknowledged.ts';
import { disagreements } from './agreement.ts';
import { type Dice, dice } from './dice.ts';
import { KilledWorld } from './killed-world.ts';
import { OwnedGuest } from './owned-guest.ts';

const seed = Number(process.env['VIRTMESH_FAULT_SEED'] ?? Math.trunc(Date.now() / 1000));
const rounds = Number(process.env['VIRTMESH_FAULT_ROUNDS'] ?? 12);

let world: KilledWorld;
beforeAll(async () => {
  world = await KilledWorld.start();
});
afterAll(async () => world[Symbol.asyncDispose]());

/** Kills some of the processes in some order, and starts them again in another one; a start is not waited for, so that the next round may kill it. */
async function round(roll: Dice): Promise<void> {
  const { agent, domainSvc, nats } = world.system;
  const processes = [
    { kill: async () => agent.kill(), start: async () => agent.running || agent.spawn() },
    { kill: async () => domainSvc.kill(), start: async () => domainSvc.running || domainSvc.spawn() },
    { kill: async () => nats?.kill(), start: async () => nats?.restart() },
  ];
  // A third of the rounds come before all has come up again.
  if (roll(3) > 0) await acknowledged(async () => world.fleet.list());
  await delay(200 + roll(2000));
  const victims = processes.filter(() => roll(2) === 0);
  if (victims.length === 0) victims.push(processes[0] as (typeof processes)[number]);
  if (roll(2) === 0) victims.reverse();
  for (const victim of victims) {
    await victim.kill();
    await delay(roll(300));
  }
  await delay(roll(1000));
  if (roll(2) === 0) victims.reverse();
  for (const victim of victims) await victim.start();
}

/** The numbers that the booted guest has counted, and how often it has booted, by all that its console's log holds. */
async function counted(id: string): Promise<{ readonly boots: number; readonly counts: readonly number[] }> {
  await using console = new ConsoleSession(world.agent.connection, { name: world.agent.name(id), readOnly: true, replayBytes: -1n });
  const seen = /[\s\S]*count (\d+)\r?\n/;
  const last = Number((await console.until(seen))[1]);
  // It goes on.
  await console.until(new RegExp(`count ${last + 3}\\r?\\n`));
  const counts = [...console.text.matchAll(/count (\d+)\r?\n/g)].map(([, number]) => Number(number));
  return { boots: [...console.text.matchAll(/virtmesh guest: hello/g)].length, counts };
}

/** Lets the owners of guests change them while rounds of kills go on; answers what was lost or could not be done. */
async function shaken(guests: readonly OwnedGuest[]): Promise<string[]> {
  const over = new AbortController();
  const wrong: string[] = [];
  const until = async (one: () => Promise<readonly string[]>): Promise<void> => {
    try {
      while (!over.signal.aborted) {
        const found = await one();
        wrong.push(...found);
        if (found.length > 0) over.abort();
      }
    } catch (thrown) {
      wrong.push(String(thrown));
      over.abort();
    }
  };
  const roll = dice(seed);
  let left = rounds;
  const kills = until(async () => {
    await round(roll);
    left -= 1;
    if (left <= 0) over.abort();
    return [];
  });
  await Promise.all([kills, ...guests.map(async (guest) => until(async () => guest.move()))]);
  return wrong;
}

describe(`kills at random (VIRTMESH_FAULT_SEED=${seed} VIRTMESH_FAULT_ROUNDS=${rounds})`, () => {
  it('lose no acknowledged change, harm no guest, and lose and double no event', { timeout: 120_000 + rounds * 60_000 }, async () => {
    const booted = await world.fleet.run('booted', linuxGuest(await guestImage(), 'virtmesh.count=ttyS0'));
    const before = await counted('booted');
    const guests: OwnedGuest[] = [];
    for (const [index, id] of ['alpha', 'beta', 'gamma'].entries()) {
      const disk = join(world.system.disks, id);
      await makeDisk(disk, 1024n * 1024n, index === 0 ? 'qcow2' : 'raw');
      guests.push(new OwnedGuest(id, { disk, clients: [world.agent, world.fleet], dice: dice(seed + index + 1) }));
    }
    expect(await shaken(guests)).toEqual([]);
    for (const { moves } of guests) expect(moves.length).toBeGreaterThan(0);

    await acknowledged(async () => world.agent.list());
    await acknowledged(async () => world.fleet.list());
    for (const guest of guests) for (const client of [world.agent, world.fleet]) expect(await guest.lost(client)).toEqual([]);
    expect(await disagreements(world.system, world.agent)).toEqual([]);

    const now = await world.agent.get('booted');
    expect(now).toMatchObject({ uid: booted.uid, status: { state: DomainState.RUNNING, pid: booted.status?.pid, startCount: 1n } });
    const after = await counted('booted');
    expect(after.boots).toBe(1);
    expect(after.counts).toEqual(after.counts.map((_, index) => index + 1));
    expect(after.counts.length).toBeGreaterThan(before.counts.length);

    for (const guest of guests) await guest.removed(world.fleet);
    await world.fleet.remove('booted');
    for (const uid of [booted.uid, ...guests.flatMap((guest) => [...guest.uids])]) await world.sawTheEnd(uid);
    expect(world.system.tape.story(booted.uid)).toEqual(['defined added', 'started booted', 'stopped destroyed', 'undefined removed']);
    expect(await world.brokenEvents()).toEqual([]);
    expect(await disagreements(world.system, world.agent)).toEqual([]);
    expect(await world.leftovers()).toEqual([]);
  });
});
