import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { expect, test } from 'vitest';
import { checkEnum } from './enum-value.ts';

test('the values of an enum are let pass', () => {
  for (const scope of [ChangeScope.UNSPECIFIED, ChangeScope.LIVE, ChangeScope.BOTH]) checkEnum(ChangeScope, scope, 'scope');
  checkEnum(DomainState, [], 'states');
  checkEnum(DomainState, [DomainState.RUNNING, DomainState.UNKNOWN], 'states');
});

test.each([-1, 99, 2_147_483_647])('%s is refused by field, with what there is', (value) => {
  expect(() => checkEnum(ChangeScope, value, 'scope')).toThrow(
    expect.objectContaining({
      reason: 'REQUEST_INVALID',
      violations: [{ field: 'scope', description: `${value} is not a value of it; use one of UNSPECIFIED, LIVE, CONFIG, BOTH` }],
    }),
  );
  expect(() => checkEnum(DomainState, [DomainState.RUNNING, value], 'states')).toThrow(
    expect.objectContaining({ violations: [expect.objectContaining({ field: 'states[1]' })] }),
  );
});
