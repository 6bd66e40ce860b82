import { Fault } from '@virtmesh/base';
import { type Domain, type DomainState, domainStateToJSON } from '@virtmesh/contracts/domain/v1/domain';
import { type FeatureName, featureWords, type HypervisorDriver } from '@virtmesh/driver-spi';
import { type Intent, nextState, type State, statesFor, toWire } from '../model/states.ts';
import type { Entry } from '../model/change.ts';

const words = (state: DomainState): string => domainStateToJSON(state).replace('DOMAIN_STATE_', '');

/** What a caller does by an intent. */
const doings: Readonly<Record<Intent, string>> = {
  start: 'starting it',
  shutdown: 'shutting it down',
  reboot: 'rebooting it',
  suspend: 'suspending it',
  resume: 'resuming it',
  open_console: 'opening its console',
  save: 'saving it',
  dump: 'dumping it',
  resize_disk: 'resizing its disk',
  take_screenshot: 'taking a screenshot of it',
  send_keys: 'pressing keys in it',
  ask_guest: 'asking it',
};

/** What leads from a state to one that runs. */
const waysToRun: Readonly<Partial<Record<State, string>>> = {
  shutoff: 'start it first',
  starting: 'wait until it has started',
  paused: 'resume it first',
};

/**
 * STATE_INVALID where the domain's state does not allow the intent; the message says which states do, and how to get
 * there. `doing` is what the caller does, where the intent does not tell.
 */
export function checkState(entry: Entry, intent: Intent, doing = doings[intent]): void {
  if (nextState(entry.state, intent) !== undefined) return;
  const state = entry.state === 'starting' ? 'STARTING' : words(toWire(entry.state));
  const states = statesFor(intent);
  const allowed = states.map((each) => words(toWire(each))).join(', ');
  const way = states.includes('running') ? waysToRun[entry.state] : undefined;
  const advice = way === undefined ? '' : `: ${way}`;
  throw new Fault('STATE_INVALID', `${entry.domain.name} is ${state}; ${doing} needs it to be ${allowed}${advice}`, {
    name: entry.domain.name,
    state,
    allowed,
  });
}

/** The optional part of a driver, or FEATURE_UNSUPPORTED with the driver's own reason. */
export function feature<N extends FeatureName>(
  driver: HypervisorDriver,
  name: N,
  entry?: Entry,
): NonNullable<HypervisorDriver['features'][N]> {
  const verdict = driver.explain(entry?.domain.activeSpec ?? entry?.domain.spec, name);
  const facet = driver.features[name];
  if (facet !== undefined && verdict.supported) return facet;
  const why = verdict.supported ? 'the driver does not have it' : verdict.why;
  throw new Fault('FEATURE_UNSUPPORTED', `the driver ${driver.type} has no ${featureWords[name]}: ${why}`, {
    driver: driver.type,
    feature: name,
    why,
  });
}

/** FEATURE_UNSUPPORTED for a way of doing something that the driver does not have; without a way named (0) it takes the best. */
export function checkMode<M extends number>(
  driver: HypervisorDriver,
  what: 'shutdown' | 'reboot',
  { mode, modes, words }: { readonly mode: M; readonly modes: readonly M[]; readonly words: (mode: M) => string },
): void {
  if (mode === 0 || modes.includes(mode)) return;
  const known = modes.map(words).join(', ');
  throw new Fault(
    'FEATURE_UNSUPPORTED',
    `the driver ${driver.type} knows no ${what} by ${words(mode)}: its guests are asked by ${known}; use that, or leave the mode out`,
    {
      driver: driver.type,
      feature: what,
      why: `its guests are asked by ${known}`,
    },
  );
}

/** ETAG_MISMATCH where the caller based its change on another definition. */
export function checkEtag(domain: Domain, etag: string): void {
  if (etag === '' || etag === domain.etag) return;
  throw new Fault('ETAG_MISMATCH', `the definition of ${domain.name} changed since it was read: read it again and repeat the change`, {
    name: domain.name,
    etag,
    current: domain.etag,
  });
}
