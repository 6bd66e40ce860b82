import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import type { Invocation } from '../invocation.ts';

/** Which definition `--live` and `--config` ask to change. */
export function scopeOf(invocation: Invocation): ChangeScope {
  const [live, config] = [invocation.flag('live'), invocation.flag('config')];
  if (live && config) return ChangeScope.BOTH;
  if (live) return ChangeScope.LIVE;
  return config ? ChangeScope.CONFIG : ChangeScope.UNSPECIFIED;
}
