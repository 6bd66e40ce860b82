import { statSync } from 'node:fs';
import { soon, World } from './world.ts';

/** Run as a user that is not root: starts, finds and ends a guest, and prints what it saw. */
await using world = await World.open();
const disk = world.image('own.qcow2');
const first = await world.life();
const guest = first.newGuest();
const running = await first.start(guest, first.spec(guest, disk, { serials: [{}] }));
const uid = statSync(`/proc/${running.started.observed.pid}`).uid;
await first.end();
const second = await world.life();
const { state } = await second.driver.lifecycle.adopt(guest, running.started.activeSpec, running.record, soon());
await second.driver.lifecycle.destroy(guest, { graceMs: 5000 }, soon());
await second.driver.lifecycle.release(guest, running.record);
process.stdout.write(
  JSON.stringify({
    own: uid === process.getuid?.(),
    root: uid === 0,
    state,
    left: world.processes(guest).length,
    disk: statSync(disk).uid === uid,
    console: second.driver.features.console !== undefined,
  }),
);
