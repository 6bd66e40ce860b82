import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { Fault } from '@virtmesh/base';
import { expect, it } from 'vitest';
import { TestAgent } from '../testing/test-agent.ts';
import { mebibyte, plainSpec, verbsOf } from '../testing/verbs.ts';

// What a refusal says to do. Parts of requests stand in backticks, by which clients tell them in words of their own.

const wordsOf = async (call: Promise<unknown>): Promise<string> =>
  await call.then(
    () => expect.unreachable(),
    (thrown: unknown) => (Fault.is(thrown) ? thrown.message : String(thrown)),
  );

it('advises the parts of requests in backticks', async () => {
  await using agent = await TestAgent.start();
  const verbs = verbsOf(agent);
  const spec = plainSpec({ memory: { sizeBytes: 65n * mebibyte } });
  const live = { updateMask: ['memory.size_bytes'], spec, scope: ChangeScope.LIVE };
  await verbs.create('web');
  expect(await wordsOf(verbs.update('web', live))).toContain('change it with `scope CONFIG`');
  await verbs.start('web');
  expect(await wordsOf(verbs.update('web', live))).toContain('change it with `scope CONFIG` for the next start');
  expect(await wordsOf(verbs.delete('web'))).toBe(
    'nodes/n1/domains/web runs; destroy it first, or repeat this with `destroy`, or with `keep_running` to make it transient',
  );
  await verbs.delete('web', { keepRunning: true });
  expect(await wordsOf(verbs.update('web', { ...live, scope: ChangeScope.CONFIG }))).toContain('change it with `scope LIVE`');
});
