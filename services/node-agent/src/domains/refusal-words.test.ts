import { ExecDomainRequest } from '@virtmesh/contracts/domain/v1/guest';
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

it('says what was asked of a guest, in which state it is, and what helps', async () => {
  await using agent = await TestAgent.start();
  const verbs = verbsOf(agent);
  async function* order(): AsyncGenerator<ExecDomainRequest> {
    yield await Promise.resolve(
      ExecDomainRequest.fromPartial({ item: { $case: 'open', value: { name: 'nodes/n1/domains/web', command: ['true'] } } }),
    );
  }
  const asked = async (): Promise<string[]> => [
    await wordsOf(verbs.exec(order()).next()),
    await wordsOf(verbs.addresses('web')),
    await wordsOf(verbs.guestInfo('web')),
    await wordsOf(verbs.freeze('web')),
    await wordsOf(verbs.thaw('web')),
    await wordsOf(verbs.sendKeys('web', { keys: ['KEY_A'] })),
  ];
  const doings = [
    'running a command in it',
    'asking it for its addresses',
    'asking it about itself',
    'freezing its file systems',
    'thawing its file systems',
    'pressing keys in it',
  ];
  await verbs.create('web', { start: true });
  await verbs.suspend('web');
  expect(await asked()).toEqual(doings.map((doing) => `nodes/n1/domains/web is PAUSED; ${doing} needs it to be RUNNING: resume it first`));
  await verbs.destroy('web');
  expect(await asked()).toEqual(doings.map((doing) => `nodes/n1/domains/web is SHUTOFF; ${doing} needs it to be RUNNING: start it first`));
  expect(await wordsOf(verbs.resume('web'))).toBe(
    'nodes/n1/domains/web is SHUTOFF; resuming it needs it to be RUNNING, PAUSED: start it first',
  );
  await verbs.start('web');
  expect(await wordsOf(verbs.start('web'))).toBe('nodes/n1/domains/web is RUNNING; starting it needs it to be SHUTOFF');
});
