import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { type Rule, violation } from './rule.ts';

export const lifecycle: Rule = function* ({ lifecycle }) {
  for (const [field, action] of [
    ['lifecycle.on_poweroff', lifecycle?.onPoweroff],
    ['lifecycle.on_reboot', lifecycle?.onReboot],
  ] as const) {
    if (action === LifecycleAction.PRESERVE) yield violation(field, 'PRESERVE is for on_crash alone; use DESTROY or RESTART');
  }
};
