import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mebibyte } from '../support/domain-specs.ts';
import { makeDisk } from '../support/guest-image.ts';
import { acknowledged } from './acknowledged.ts';
import { disagreements } from './agreement.ts';
import { type Dice, dice } from './dice.ts';
import { rounds, seed } from './extent.ts';
import { KilledWorld } from './killed-world.ts';
import { OwnedGuest } from './owned-guest.ts';
import { SimulatedFaults } from './simulated-faults.ts';
import { type SubjectName, subjects } from './subjects.ts';
import { WatchedGuest, watchedSpecs } from './watched-guest.ts';

// One for each try: a second one must not meet the guests of the first.
let world: KilledWorld;
beforeEach(async () => {
  world = await KilledWorld.start();
});
afterEach(async () => world[Symbol.asyncDispose]());

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
    const watched = await Promise.all((await watchedSpecs(world)).map(async ([id, spec]) => WatchedGuest.run(world, id, spec)));
    const guests = await ownedGuests();
    expect(await shaken(guests)).toEqual([]);
    for (const { moves } of guests) expect(moves.length).toBeGreaterThan(0);

    await acknowledged(async () => world.agent.list());
    await acknowledged(async () => world.fleet.list());
    for (const guest of guests) for (const client of [world.agent, world.fleet]) expect(await guest.lost(client)).toEqual([]);
    expect(await disagreements(world.system, world.agent)).toEqual([]);
    await Promise.all(watched.map(async (guest) => guest.mustHaveGoneOn()));

    for (const guest of guests) await guest.removed(world.fleet);
    for (const { id } of watched) await world.fleet.remove(id);
    for (const uid of [...watched.map((guest) => guest.uid), ...guests.flatMap((guest) => [...guest.uids])]) await world.sawTheEnd(uid);
    const story = ['defined added', 'started booted', 'stopped destroyed', 'undefined removed'];
    for (const { uid } of watched) expect(world.system.tape.story(uid)).toEqual(story);
    expect(await world.brokenEvents()).toEqual([]);
    expect(await disagreements(world.system, world.agent)).toEqual([]);
    expect(await world.leftovers()).toEqual([]);
  });
});

/** Of each driver one at least. */
const owners: readonly (readonly [string, SubjectName])[] = [
  ['alpha', 'qemu'],
  ['beta', 'lxc'],
  ['gamma', 'test'],
  ['delta', 'qemu'],
];

async function ownedGuests(): Promise<readonly OwnedGuest[]> {
  const { disks, runDir } = world.system;
  return Promise.all(
    owners.map(async ([id, name], index) => {
      const [disk, spareDisk] = [join(disks, id), join(disks, `${id}-spare`)];
      for (const path of [disk, spareDisk]) await makeDisk(path, mebibyte, 'raw');
      return new OwnedGuest(id, {
        subject: subjects[name],
        places: { ...world.places, disk, spareDisk },
        clients: [world.agent, world.fleet],
        dice: dice(seed + index + 1),
        ...(name === 'test' ? { faults: new SimulatedFaults(runDir, dice(seed + owners.length + 1)) } : {}),
      });
    }),
  );
}
