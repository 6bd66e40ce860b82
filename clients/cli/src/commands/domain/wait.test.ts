import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { Fault } from '@virtmesh/base';
import { expect, test, vi } from 'vitest';
import { benches } from '../../testing/benches.ts';
import type { Bench, Outcome } from '../../testing/vmesh.ts';

vi.setConfig({ testTimeout: 60_000 });

let bench: Bench;
benches((started) => {
  bench = started;
  bench.world.add('web');
});

const web = () => bench.world.find('nodes/n1/domains/web');
const waited = (condition: string, ...words: string[]): Promise<Outcome> => bench.call(['wait', 'web', '--for', condition, ...words]);
const watched = (): Promise<void> =>
  expect.poll(() => bench.world.requests.some(({ method }) => method === 'watchDomains'), { interval: 5 }).toBe(true);
const move = (state: DomainState): void =>
  void bench.world.move(web(), state, DomainStateReason.UNSPECIFIED, LifecycleEventType.STARTED, LifecycleEventDetail.BOOTED);

test('what holds already is not waited for', async () => {
  expect(await waited('state=shutoff')).toEqual({ code: 0, stdout: 'domain web is shut off\n', stderr: '' });
  expect(await waited('job=none')).toEqual({ code: 0, stdout: 'domain web has no operation under way\n', stderr: '' });
  expect(await bench.call(['wait', 'none', '--for', 'deleted'])).toEqual({ code: 0, stdout: 'domain none is gone\n', stderr: '' });
  expect(bench.world.requests.some(({ method }) => method === 'watchDomains')).toBe(false);
});

test('what comes to hold by an event ends it at once, without another question', async () => {
  const outcome = waited('state=running', '-o', 'json');
  await watched();
  move(DomainState.PAUSED);
  move(DomainState.RUNNING);
  expect(JSON.parse((await outcome).stdout)).toMatchObject({
    name: 'nodes/-/domains/web',
    condition: 'state=running',
    domain: { status: { state: 'DOMAIN_STATE_RUNNING' } },
  });
  expect(bench.world.requests.filter(({ method }) => method === 'getDomain')).toHaveLength(1);
});

test('the agent in the guest', async () => {
  const outcome = waited('agent-connected');
  await watched();
  move(DomainState.RUNNING);
  Object.assign(web().status ?? {}, { guestAgentConnected: true });
  bench.world.tell(web(), LifecycleEventType.STARTED, LifecycleEventDetail.BOOTED);
  expect(await outcome).toMatchObject({ code: 0, stdout: 'domain web has its guest agent connected\n' });
});

test('its end; what is gone comes to nothing else', async () => {
  const [deleted, running] = [waited('deleted'), waited('state=running')];
  await expect.poll(() => bench.world.requests.filter(({ method }) => method === 'watchDomains').length).toBe(2);
  bench.world.remove(web());
  expect(await deleted).toMatchObject({ code: 0, stdout: 'domain web is gone\n' });
  expect(await running).toMatchObject({ code: 1, stderr: 'error: domain web was deleted meanwhile\n' });
});

test('an address that others can use', async () => {
  const [lo] = bench.world.interfaces;
  const all = bench.world.interfaces;
  bench.world.interfaces = lo ? [lo] : [];
  const outcome = waited('address');
  await expect.poll(() => bench.world.requests.some(({ method }) => method === 'listDomainAddresses')).toBe(true);
  move(DomainState.RUNNING);
  bench.world.interfaces = all;
  expect(await outcome).toEqual({ code: 0, stdout: 'domain web has 192.0.2.10/24\n', stderr: '' });
  bench.world.faults.set('listDomainAddresses', new Fault('FEATURE_UNSUPPORTED', 'the driver cannot tell', {}));
  expect(await waited('address')).toMatchObject({ code: 1, stderr: 'error: the driver cannot tell\n' });
});

test('a time that has passed, Ctrl-C, and what cannot be waited for', async () => {
  expect(await waited('state=running', '--timeout', '300ms')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'error: state=running has not come to hold for domain web in 0.3 s\n  --timeout gives it more time\n',
  });
  expect(await waited('address', '--timeout', '300ms')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('address has not come') as string,
  });
  const left = await bench.call(['wait', 'web', '--for', 'state=running'], {
    meanwhile: async ({ kill }) => {
      await watched();
      kill('SIGINT');
    },
  });
  expect(left).toMatchObject({ code: 1, stderr: 'error: left before state=running held for domain web\n' });
  expect((await waited('state=flying')).code).toBe(2);
  expect((await bench.call(['wait', 'web'])).code).toBe(2);
  expect((await bench.call(['wait', 'wbe', '--for', 'state=running'])).stderr).toBe(
    'error: there is no domain nodes/-/domains/wbe; did you mean web?\n',
  );
});
