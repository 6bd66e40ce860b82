import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { AttachDomainDeviceRequest, DetachDomainDeviceRequest } from '@virtmesh/contracts/domain/v1/device';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import { eventually } from '../support/eventually.ts';
import { domainOf, type TestClient } from '../support/test-client.ts';
import type { Places } from './places.ts';
import type { SimulatedFaults } from './simulated-faults.ts';
import type { Subject } from './subjects.ts';

/** What the owner of a domain was told that it is. */
export interface Told {
  readonly state: DomainState;
  readonly title: string;
  /** Whether its definitions have the spare device. */
  readonly spare: boolean;
  /** The state in which its guest goes on, where the agent keeps what it was. */
  readonly saved: DomainState | undefined;
}

/** A change that can be asked for, on a domain as it was told to be. */
export interface Move {
  readonly verb: string;
  /** Repeated with the same request id until it is answered. */
  readonly call: (client: TestClient, requestId: string) => Promise<unknown>;
  /** What is so when it was acknowledged; undefined where the domain is gone. */
  readonly told: Told | undefined;
  /** Whether a kill may end it with nothing changed, so far as the caller can know. */
  readonly mayBeCut?: boolean;
}

/** The domain that moves are made on. */
export interface Board {
  readonly id: string;
  /** Of the one that has the id now. */
  readonly uid: string;
  readonly subject: Subject;
  readonly places: Places;
  /** What a simulation can be made to do. */
  readonly faults: SimulatedFaults | undefined;
  /** The number of the move, for what is to be another each time. */
  readonly number: number;
}

const { RUNNING, PAUSED, SHUTOFF } = DomainState;
const wait = { seconds: 60n, nanos: 0 };
const call = { timeoutMs: 90_000 };

/** What can be asked now. */
export function possibleMoves(board: Board, now: Told | undefined): readonly Move[] {
  if (now === undefined) return births(board);
  const always = [update(board, now), remove(board)];
  switch (now.state) {
    case SHUTOFF:
      return [...always, ...starts(board, now), ...(now.saved === undefined && now.spare ? [detach(board, now)] : [])];
    case PAUSED:
      return [...always, destroy(board, now), resume(board, now), ...saves(board, now)];
    default:
      return [...always, destroy(board, now), suspend(board, now), reboot(board, now), ...whileRunning(board, now), ...saves(board, now)];
  }
}

function births({ id, places, subject }: Board): readonly Move[] {
  const spec = { ...subject.spec(places), title: 'first' };
  const first = (state: DomainState): Told => ({ state, title: 'first', spare: false, saved: undefined });
  return [
    { verb: 'define', call: async (client, requestId) => client.create(id, spec, { requestId }), told: first(SHUTOFF) },
    { verb: 'create', call: async (client, requestId) => client.create(id, spec, { requestId, start: true }), told: first(RUNNING) },
    {
      verb: 'create paused',
      call: async (client, requestId) => client.create(id, spec, { requestId, startPaused: true }),
      told: first(PAUSED),
    },
  ];
}

const starts = ({ id }: Board, now: Told): readonly Move[] => [
  {
    verb: 'start',
    call: async (client, requestId) => client.start(id, { requestId }),
    told: { ...now, state: now.saved ?? RUNNING, saved: undefined },
  },
  {
    verb: 'start paused',
    call: async (client, requestId) => client.start(id, { requestId, paused: true }),
    told: { ...now, state: PAUSED, saved: undefined },
  },
];

function whileRunning(board: Board, now: Told): readonly Move[] {
  const { id, subject } = board;
  const off = { ...now, state: SHUTOFF };
  const moves: Move[] = [];
  if (!now.spare) moves.push(attach(board, now));
  else if (subject.letsGo) moves.push(detach(board, now));
  if (subject.obey === undefined)
    moves.push({ verb: 'shutdown', call: async (client, requestId) => client.shutdown(id, { requestId }), told: off });
  return [...moves, ...misfortunes(board, off)];
}

/** What befalls a guest that is simulated. */
function misfortunes({ faults, id, uid }: Board, off: Told): readonly Move[] {
  if (faults === undefined) return [];
  return [
    {
      verb: 'crash',
      call: async (client) => {
        // One that has fallen over in an earlier try cannot again.
        await faults.crash(uid).catch(() => undefined);
        await eventually('the end of the guest', async () => (await client.get(id)).status?.state === SHUTOFF);
      },
      told: off,
    },
    {
      verb: 'destroy while a suspend hangs',
      call: async (client, requestId) => {
        await faults.hang('suspend', uid);
        await client.suspend(id, { wait: { seconds: 0n, nanos: 300_000_000 } }).catch(() => undefined);
        await client.destroy(id, { requestId });
      },
      told: off,
    },
  ];
}

function update({ id, number }: Board, now: Told): Move {
  const title = `title ${number}`;
  return {
    verb: 'update',
    call: async (client, requestId) => client.update(id, ['title'], { title }, { requestId }),
    told: { ...now, title },
  };
}

const remove = ({ id }: Board): Move => ({
  verb: 'delete',
  call: async (client, requestId) => client.delete(id, { requestId, destroy: true, managedSave: true }),
  told: undefined,
});

const destroy = ({ id }: Board, now: Told): Move => ({
  verb: 'destroy',
  call: async (client, requestId) => client.destroy(id, { requestId }),
  told: { ...now, state: SHUTOFF },
});

const suspend = ({ id }: Board, now: Told): Move => ({
  verb: 'suspend',
  call: async (client, requestId) => client.suspend(id, { requestId }),
  told: { ...now, state: PAUSED },
});

const resume = ({ id }: Board, now: Told): Move => ({
  verb: 'resume',
  call: async (client, requestId) => client.resume(id, { requestId }),
  told: { ...now, state: RUNNING },
});

const reboot = ({ id }: Board, now: Told): Move => ({
  verb: 'reboot',
  call: async (client, requestId) => client.reboot(id, { requestId }),
  told: now,
  mayBeCut: true,
});

const attach = ({ id, places, subject }: Board, now: Told): Move => ({
  verb: 'attach',
  call: async (client, requestId) =>
    domainOf(
      await client.connection.domains.attachDomainDevice(
        AttachDomainDeviceRequest.fromPartial({
          name: client.name(id),
          device: subject.spare(places),
          scope: ChangeScope.BOTH,
          requestId,
          wait,
        }),
        call,
      ),
    ),
  told: { ...now, spare: true },
});

const detach = ({ id }: Board, now: Told): Move => ({
  verb: 'detach',
  call: async (client, requestId) =>
    domainOf(
      await client.connection.domains.detachDomainDevice(
        DetachDomainDeviceRequest.fromPartial({
          name: client.name(id),
          device: 'spare',
          scope: now.state === RUNNING ? ChangeScope.BOTH : ChangeScope.CONFIG,
          requestId,
          wait,
        }),
        call,
      ),
    ),
  told: { ...now, spare: false },
});

/** To the state that the agent keeps; where the driver cannot, none. */
const saves = ({ id, subject }: Board, now: Told): readonly Move[] =>
  subject.saves
    ? [
        {
          verb: 'save',
          call: async (client, requestId) =>
            domainOf(
              await client.connection.domains.saveDomain(SaveDomainRequest.fromPartial({ name: client.name(id), requestId, wait }), call),
            ),
          told: { ...now, state: SHUTOFF, saved: now.state },
          mayBeCut: true,
        },
      ]
    : [];
