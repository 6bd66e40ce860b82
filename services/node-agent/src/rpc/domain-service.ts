import { Fault, isUuid, parseNodeName, raceAbort } from '@virtmesh/base';
import type { DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import {
  AttachDomainDeviceRequest,
  DetachDomainDeviceRequest,
  ResizeDomainDiskRequest,
  UpdateDomainDeviceRequest,
} from '@virtmesh/contracts/domain/v1/device';
import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { FreezeDomainFilesystemsRequest, ThawDomainFilesystemsRequest } from '@virtmesh/contracts/domain/v1/guest';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  DestroyDomainRequest,
  DomainServiceService,
  DomainView,
  type GetDomainCapabilitiesRequest,
  type ListDomainsRequest,
  ListDomainsResponse,
  type ListDomainStatsRequest,
  type ListDomainStatsResponse,
  RebootDomainRequest,
  RenameDomainRequest,
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
  type WatchDomainsRequest,
  WatchDomainsResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import {
  DumpDomainRequest,
  RemoveDomainManagedSaveRequest,
  RestoreDomainRequest,
  SaveDomainRequest,
} from '@virtmesh/contracts/domain/v1/saved_state';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { featureNames } from '@virtmesh/driver-spi';
import {
  AnswerCache,
  type CallContext,
  checkDuration,
  checkEnum,
  defineService,
  domainRoles,
  encodeField,
  encodeRepeated,
  faultFromStatus,
  paginate,
  type ServiceBinding,
} from '@virtmesh/kit';
import type { ConsoleHub } from '../domains/console.ts';
import type { Engine } from '../domains/engine.ts';
import { guestInfo, listAddresses } from '../domains/guest/ask.ts';
import { exec } from '../domains/guest/exec.ts';
import { takeScreenshot } from '../domains/guest/screenshot.ts';
import { sendKeys } from '../domains/guest/send-keys.ts';
import { selector } from '../domains/model/selection.ts';
import { isActive } from '../domains/model/states.ts';
import { statsOf } from '../domains/stats.ts';
import { create } from '../domains/verbs/create.ts';
import { remove, setAutostart } from '../domains/verbs/delete.ts';
import { attachDevice, detachDevice, updateDevice } from '../domains/verbs/device.ts';
import { dump } from '../domains/verbs/dump.ts';
import { freezeOrThaw } from '../domains/verbs/freeze.ts';
import { removeManagedSave } from '../domains/verbs/managed-save.ts';
import { rename } from '../domains/verbs/rename.ts';
import { resizeDisk } from '../domains/verbs/resize-disk.ts';
import { restore } from '../domains/verbs/restore.ts';
import { reboot, suspendOrResume } from '../domains/verbs/run-state.ts';
import { save } from '../domains/verbs/save.ts';
import { start } from '../domains/verbs/start.ts';
import { destroy, shutdown } from '../domains/verbs/stop.ts';
import { update } from '../domains/verbs/update.ts';
import type { NodeJournal } from '../journal.ts';
import { callOf } from './call.ts';
import { followJournal, tokenAt } from './watch.ts';

/** `event` of WatchDomainsResponse: the journal has it encoded. */
const eventField = 2;

const guestTimeout = { field: 'guest_timeout', defaultMs: 500, minMs: 1, maxMs: 30_000 };

export function domainService(engine: Engine, journal: NodeJournal, consoles: ConsoleHub): ServiceBinding {
  const { clock, drivers, node, registry } = engine.parts;
  /** What is encoded already. */
  const asIs = (encoded: Buffer): Buffer => encoded;
  const answers = new AnswerCache({ clock });

  const list = (request: ListDomainsRequest): Buffer => {
    registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
    checkEnum(DomainView, request.view, 'view');
    checkEnum(DomainState, request.states, 'states');
    checkRevision(request.minRevision, journal);
    const { labels, pageSize, pageToken, states, view } = request;
    return answers.get(JSON.stringify([view, states, labels, pageSize, pageToken]), registry.version, () => makeList(request));
  };
  const makeList = (request: ListDomainsRequest): Buffer => {
    const selection = { states: request.states, labels: request.labels };
    const all = registry.sorted();
    const unfiltered = request.states.length === 0 && Object.keys(request.labels).length === 0;
    const selects = selector(selection);
    const items = unfiltered ? all : all.filter((entry) => selects(entry.domain));
    const page = paginate({
      items,
      pageSize: request.pageSize,
      pageToken: request.pageToken,
      tag: 'domains',
      scope: selection,
      keyOf: (entry) => entry.guest.id,
      resumeToken: () => tokenAt(journal, journal.last),
    });
    const view = request.view === DomainView.FULL ? DomainView.FULL : DomainView.BASIC;
    const rest = ListDomainsResponse.encode(
      ListDomainsResponse.fromPartial({
        nextPageToken: page.nextPageToken,
        resumeToken: page.resumeToken,
        asOf: { [node]: clock.now() },
      }),
    ).finish();
    return encodeRepeated(
      1,
      page.items.map((entry) => registry.bytes.of(entry.domain, view)),
      rest,
    );
  };

  const definition = {
    ...DomainServiceService,
    watchDomains: { ...DomainServiceService.watchDomains, responseSerialize: asIs },
    getDomain: { ...DomainServiceService.getDomain, responseSerialize: asIs },
    listDomains: { ...DomainServiceService.listDomains, responseSerialize: asIs },
  };
  return defineService(
    definition,
    {
      getDomain: (request: { name: string; view: DomainView }) => {
        checkEnum(DomainView, request.view, 'view');
        const { domain } = registry.find(request.name);
        const view = request.view === DomainView.BASIC ? DomainView.BASIC : DomainView.FULL;
        return Buffer.concat([...registry.bytes.of(domain, view), asOfField(clock.now())]);
      },
      listDomains: list,
      watchDomains: (request, context) => watch(request, context),
      createDomain: (request, context) => create(engine, request, callOf('create', CreateDomainRequest, request, context)),
      updateDomain: (request, context) => update(engine, request, callOf('update', UpdateDomainRequest, request, context)),
      deleteDomain: (request, context) => remove(engine, request, callOf('delete', DeleteDomainRequest, request, context)),
      startDomain: (request, context) => start(engine, request, callOf('start', StartDomainRequest, request, context)),
      shutdownDomain: (request, context) => shutdown(engine, request, callOf('shutdown', ShutdownDomainRequest, request, context)),
      destroyDomain: (request, context) => destroy(engine, request, callOf('destroy', DestroyDomainRequest, request, context)),
      rebootDomain: (request, context) => reboot(engine, request, callOf('reboot', RebootDomainRequest, request, context)),
      suspendDomain: (request, context) =>
        suspendOrResume(engine, 'suspend', request, callOf('suspend', SuspendDomainRequest, request, context)),
      resumeDomain: (request, context) =>
        suspendOrResume(engine, 'resume', request, callOf('resume', ResumeDomainRequest, request, context)),
      setDomainAutostart: async (request, context) =>
        domainOf(await setAutostart(engine, request, callOf('autostart', SetDomainAutostartRequest, request, context))),
      getDomainStats: (request, context) => statsOf(engine, registry.find(request.name), within(context.signal, guestTimeout.defaultMs)),
      listDomainStats: (request, context) => listStats(request, context.signal),
      openDomainConsole: (requests, context) => consoles.open(requests, context),
      renameDomain: async (request, context) =>
        domainOf(await rename(engine, request, callOf('rename', RenameDomainRequest, request, context))),
      attachDomainDevice: (request, context) =>
        attachDevice(engine, request, callOf('attach-device', AttachDomainDeviceRequest, request, context)),
      detachDomainDevice: (request, context) =>
        detachDevice(engine, request, callOf('detach-device', DetachDomainDeviceRequest, request, context)),
      updateDomainDevice: (request, context) =>
        updateDevice(engine, request, callOf('update-device', UpdateDomainDeviceRequest, request, context)),
      resizeDomainDisk: (request, context) => resizeDisk(engine, request, callOf('resize-disk', ResizeDomainDiskRequest, request, context)),
      saveDomain: (request, context) => save(engine, request, callOf('save', SaveDomainRequest, request, context)),
      restoreDomain: (request, context) => restore(engine, request, callOf('restore', RestoreDomainRequest, request, context)),
      removeDomainManagedSave: async (request, context) =>
        domainOf(await removeManagedSave(engine, request, callOf('remove-managed-save', RemoveDomainManagedSaveRequest, request, context))),
      dumpDomain: (request, context) => dump(engine, request, callOf('dump', DumpDomainRequest, request, context)),
      takeDomainScreenshot: (request, context) => takeScreenshot(engine, request, context),
      sendDomainKeys: (request, context) => sendKeys(engine, request, context),
      listDomainAddresses: (request, context) => listAddresses(engine, request, context),
      freezeDomainFilesystems: (request, context) =>
        freezeOrThaw(engine, 'freeze', request, callOf('freeze', FreezeDomainFilesystemsRequest, request, context)),
      thawDomainFilesystems: (request, context) =>
        freezeOrThaw(engine, 'thaw', request, callOf('thaw', ThawDomainFilesystemsRequest, request, context)),
      getDomainGuestInfo: (request, context) => guestInfo(engine, request, context),
      execDomain: (requests, context) => exec(engine, requests, context),
      getDomainCapabilities: (request, context) => capabilities(request, context.signal),
    },
    domainRoles,
  );

  async function* watch(request: WatchDomainsRequest, context: CallContext): AsyncIterable<Buffer> {
    registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
    const uid = request.uid === '' ? undefined : request.uid.toLowerCase();
    if (uid !== undefined && !isUuid(uid)) throw refused('uid', 'must be the UUID of a domain, or left out for all');
    for await (const item of followJournal(journal, { kind: 'domain', token: request.resumeToken, uid, clock }, context.signal)) {
      const bookmark = item.t === 'bookmark' ? ({ $case: 'bookmark', value: { time: item.time } } as const) : undefined;
      const message = WatchDomainsResponse.encode({ resumeToken: item.token, item: bookmark }).finish();
      yield Buffer.concat(item.t === 'entry' ? [message, encodeField(eventField, [item.entry.body])] : [message]);
    }
  }

  async function listStats(request: ListDomainStatsRequest, signal: AbortSignal): Promise<ListDomainStatsResponse> {
    registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
    const timeoutMs = checkDuration(request.guestTimeout, guestTimeout);
    const items = registry.sorted().filter((entry) => request.includeInactive || isActive(entry.state));
    const page = paginate({
      items,
      pageSize: request.pageSize,
      pageToken: request.pageToken,
      tag: 'domain-stats',
      scope: request.includeInactive,
      keyOf: (entry) => entry.guest.id,
    });
    const limit = within(signal, timeoutMs);
    const stats = await raceAbort(Promise.all(page.items.map((entry) => statsOf(engine, entry, limit))), signal);
    return { stats, nextPageToken: page.nextPageToken, unreachable: [] };
  }

  async function capabilities(request: GetDomainCapabilitiesRequest, signal: AbortSignal): Promise<DomainCapabilities> {
    registry.checkNode({ node: parseNodeName(request.node, 'node') });
    const driver = drivers.named(request.hypervisor === '' ? 'qemu' : request.hypervisor, 'hypervisor', 'REQUEST_INVALID');
    const found = await driver.host.capabilities({ arch: request.arch, machine: request.machine }, signal);
    const features = featureNames.map((name) => {
      const verdict = driver.explain(undefined, name);
      return { name, available: verdict.supported, why: verdict.supported ? '' : verdict.why };
    });
    return { ...found, features, fields: [...driver.drives].toSorted() };
  }
}

const within = (signal: AbortSignal, ms: number): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(ms)]);

/** A message of Domain with nothing but `as_of`: appended to a domain's bytes it sets that field. */
const asOfField = (time: Date): Uint8Array => Domain.encode(Domain.fromPartial({ asOf: time })).finish();

function domainOf(operation: Operation): Domain {
  if (operation.result?.$case === 'response') return Domain.decode(operation.result.value.value);
  if (operation.result?.$case === 'error') throw faultFromStatus(operation.result.value);
  throw new Fault('DEADLINE_EXCEEDED', `the domain is busy: the operation ${operation.name} waits for its turn and goes on; wait for it`, {
    operation: operation.name,
  });
}

function checkRevision(minRevision: bigint, journal: NodeJournal): void {
  if (minRevision < 0n) throw refused('min_revision', 'must not be negative');
  if (minRevision > BigInt(journal.last))
    throw refused('min_revision', `must be a revision that this node answered; its newest is ${journal.last}`);
}

const refused = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);
