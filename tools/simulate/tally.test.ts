import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { expect, test } from 'vitest';
import { simulateOptions } from './options.ts';
import { Tally } from './tally.ts';

const domain = (node: string, uid: string, state: DomainState): Domain =>
  Domain.fromPartial({ name: `nodes/${node}/domains/${uid}`, uid, status: { state } });

test('each domain counts once, in its last state, on its node', () => {
  const tally = new Tally();
  tally.listed([domain('n1', 'a', DomainState.SHUTOFF), domain('n2', 'b', DomainState.RUNNING)]);
  tally.event(domain('n1', 'a', DomainState.RUNNING), false);
  tally.event(domain('n2', 'b', DomainState.RUNNING), true);
  tally.did('start');
  tally.failed('STATE_INVALID');
  const lines = tally.lines(['n1', 'n2'], { events: 2, operations: 2 });
  expect(lines.map((line) => line.trim().split(/\s+/)).slice(1, 4)).toEqual([
    ['n1', '1', '0', '0', '0', '0', '0', '1'],
    ['n2', '0', '0', '0', '0', '0', '0', '0'],
    ['all', '1', '0', '0', '0', '0', '0', '1'],
  ]);
  expect(lines.slice(-2)).toEqual(['done: start 1', 'refused: STATE_INVALID 1']);
});

test('options out of their bounds are refused by name', () => {
  expect(simulateOptions(['--nodes', '2', '--domains', '50'])).toMatchObject({ nodes: 2, domains: 50, rate: 20 });
  expect(simulateOptions(['--help'])).toBeUndefined();
  expect(() => simulateOptions(['--nodes', '0'])).toThrow('--nodes is "0"; it must be a whole number from 1 to 64');
  expect(() => simulateOptions(['--rate', 'fast'])).toThrow('--rate');
  expect(() => simulateOptions(['--speed', '1'])).toThrow('./dev simulate --help');
});
