import { readFileSync } from 'node:fs';
import { abortFault, Fault } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { DumpFormat } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Features, StartOrder } from '@virtmesh/driver-spi';
import type { At } from './scripted-driver.ts';
import type { ScriptedWorld } from './scripted-world.ts';

const chunks = (uid: string): Buffer[] => [`state of ${uid} `, 'x'.repeat(100_000), ' end'].map((text) => Buffer.from(text));

/** Refuses bytes that are not those of this guest. */
export function checkScriptedState({ offset, path }: NonNullable<StartOrder['restore']>, uid: string): void {
  if (
    readFileSync(path)
      .subarray(offset)
      .equals(Buffer.concat(chunks(uid)))
  )
    return;
  throw new Fault('SAVED_STATE_INVALID', `the state in ${path} is of another guest`, { path, why: 'it is of another guest' });
}

/** Saved states and dumps, whose bytes come in three parts: `save` and `dump` are passed before the first and before the last. */
export function scriptedState(world: ScriptedWorld, at: At): Pick<Features, 'savedState' | 'dump'> {
  const goOn = (uid: string): void => {
    const guest = world.guests.get(uid);
    if (guest?.stoppedBySave !== true) return;
    guest.stoppedBySave = false;
    world.enter(uid, 'running', DomainStateReason.UNPAUSED);
  };
  return {
    savedState: {
      save: async ({ uid }, _active, sink, progress, signal) => {
        const guest = world.guest(uid);
        if (guest.state === 'running') {
          guest.stoppedBySave = true;
          world.enter(uid, 'paused', DomainStateReason.JOB);
        }
        try {
          const parts = chunks(uid);
          for (const [index, part] of parts.entries()) {
            if (index !== 1) await at('save', uid, signal);
            progress(BigInt(index), BigInt(parts.length));
            await sink(part);
            world.guest(uid);
          }
        } catch (thrown) {
          goOn(uid);
          throw thrown;
        }
      },
      abandon: async ({ uid }, signal) => {
        await at('abandon', uid, signal);
        goOn(uid);
      },
    },
    dump: {
      formats: [DumpFormat.ELF],
      dump: async ({ uid }, { live }, sink, progress, signal) => {
        for (const part of [live ? 'live' : 'still', ' memory of ', uid]) {
          await at('dump', uid, signal);
          progress(1n, 0n);
          await sink(Buffer.from(part));
        }
        if (signal.aborted) throw abortFault(signal);
      },
    },
  };
}
