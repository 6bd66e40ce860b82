import {
  AttachDomainDeviceRequest,
  DetachDomainDeviceRequest,
  ResizeDomainDiskRequest,
  UpdateDomainDeviceRequest,
} from '@virtmesh/contracts/domain/v1/device';
import {
  type ExecDomainRequest,
  type ExecDomainResponse,
  FreezeDomainFilesystemsRequest,
  ListDomainAddressesRequest,
  SendDomainKeysRequest,
  type TakeDomainScreenshotResponse,
  ThawDomainFilesystemsRequest,
} from '@virtmesh/contracts/domain/v1/guest';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  DestroyDomainRequest,
  RebootDomainRequest,
  RenameDomainRequest,
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import {
  DumpDomainRequest,
  RemoveDomainManagedSaveRequest,
  RestoreDomainRequest,
  SaveDomainRequest,
} from '@virtmesh/contracts/domain/v1/saved_state';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { CallContext } from '@virtmesh/kit';
import { create } from '../domains/verbs/create.ts';
import { remove, setAutostart } from '../domains/verbs/delete.ts';
import { guestInfo, listAddresses } from '../domains/guest/ask.ts';
import { exec } from '../domains/guest/exec.ts';
import { takeScreenshot } from '../domains/guest/screenshot.ts';
import { sendKeys } from '../domains/guest/send-keys.ts';
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
import { callOf } from '../rpc/call.ts';
import { type TestAgent, testCall } from './test-agent.ts';

type Over<M extends { fromPartial(object: never): unknown }> = Parameters<M['fromPartial']>[0];
type PartialSpec = Over<typeof DomainSpec>;

const nameOf = (id: string): string => `nodes/n1/domains/${id}`;
export const mebibyte = 1024n * 1024n;
export const plainSpec = (over: PartialSpec = {}): PartialSpec => ({
  hypervisor: 'scripted',
  memory: { sizeBytes: 64n * mebibyte },
  ...over,
});

/** The verbs on one agent, by the domain's id. */
export function verbsOf(agent: TestAgent, context: CallContext = testCall()) {
  const { engine } = agent;
  return {
    create: async (id: string, over: Over<typeof CreateDomainRequest> = {}): Promise<Operation> => {
      const request = CreateDomainRequest.fromPartial({ parent: 'nodes/n1', domainId: id, spec: plainSpec(), ...over });
      return create(engine, request, callOf('create', CreateDomainRequest, request, context));
    },
    update: async (id: string, over: Over<typeof UpdateDomainRequest>): Promise<Operation> => {
      const request = UpdateDomainRequest.fromPartial({ name: nameOf(id), ...over });
      return update(engine, request, callOf('update', UpdateDomainRequest, request, context));
    },
    delete: async (id: string, over: Over<typeof DeleteDomainRequest> = {}): Promise<Operation> => {
      const request = DeleteDomainRequest.fromPartial({ name: nameOf(id), ...over });
      return remove(engine, request, callOf('delete', DeleteDomainRequest, request, context));
    },
    start: async (id: string, over: Over<typeof StartDomainRequest> = {}): Promise<Operation> => {
      const request = StartDomainRequest.fromPartial({ name: nameOf(id), ...over });
      return start(engine, request, callOf('start', StartDomainRequest, request, context));
    },
    shutdown: async (id: string, over: Over<typeof ShutdownDomainRequest> = {}): Promise<Operation> => {
      const request = ShutdownDomainRequest.fromPartial({ name: nameOf(id), ...over });
      return shutdown(engine, request, callOf('shutdown', ShutdownDomainRequest, request, context));
    },
    destroy: async (id: string, over: Over<typeof DestroyDomainRequest> = {}): Promise<Operation> => {
      const request = DestroyDomainRequest.fromPartial({ name: nameOf(id), ...over });
      return destroy(engine, request, callOf('destroy', DestroyDomainRequest, request, context));
    },
    reboot: async (id: string, over: Over<typeof RebootDomainRequest> = {}): Promise<Operation> => {
      const request = RebootDomainRequest.fromPartial({ name: nameOf(id), ...over });
      return reboot(engine, request, callOf('reboot', RebootDomainRequest, request, context));
    },
    suspend: async (id: string, over: Over<typeof SuspendDomainRequest> = {}): Promise<Operation> => {
      const request = SuspendDomainRequest.fromPartial({ name: nameOf(id), ...over });
      return suspendOrResume(engine, 'suspend', request, callOf('suspend', SuspendDomainRequest, request, context));
    },
    resume: async (id: string, over: Over<typeof ResumeDomainRequest> = {}): Promise<Operation> => {
      const request = ResumeDomainRequest.fromPartial({ name: nameOf(id), ...over });
      return suspendOrResume(engine, 'resume', request, callOf('resume', ResumeDomainRequest, request, context));
    },
    autostart: async (id: string, autostart: boolean, over: Over<typeof SetDomainAutostartRequest> = {}): Promise<Operation> => {
      const request = SetDomainAutostartRequest.fromPartial({ name: nameOf(id), autostart, ...over });
      return setAutostart(engine, request, callOf('autostart', SetDomainAutostartRequest, request, context));
    },
    attach: async (id: string, over: Over<typeof AttachDomainDeviceRequest>): Promise<Operation> => {
      const request = AttachDomainDeviceRequest.fromPartial({ name: nameOf(id), ...over });
      return attachDevice(engine, request, callOf('attach-device', AttachDomainDeviceRequest, request, context));
    },
    detach: async (id: string, device: string, over: Over<typeof DetachDomainDeviceRequest> = {}): Promise<Operation> => {
      const request = DetachDomainDeviceRequest.fromPartial({ name: nameOf(id), device, ...over });
      return detachDevice(engine, request, callOf('detach-device', DetachDomainDeviceRequest, request, context));
    },
    updateDevice: async (id: string, over: Over<typeof UpdateDomainDeviceRequest>): Promise<Operation> => {
      const request = UpdateDomainDeviceRequest.fromPartial({ name: nameOf(id), ...over });
      return updateDevice(engine, request, callOf('update-device', UpdateDomainDeviceRequest, request, context));
    },
    /** Waits for the end. */
    save: async (id: string, over: Over<typeof SaveDomainRequest> = {}): Promise<Operation> => {
      const request = SaveDomainRequest.fromPartial({ name: nameOf(id), wait: { seconds: 20n }, ...over });
      return save(engine, request, callOf('save', SaveDomainRequest, request, context));
    },
    restore: async (path: string, over: Over<typeof RestoreDomainRequest> = {}): Promise<Operation> => {
      const request = RestoreDomainRequest.fromPartial({ parent: 'nodes/n1', path, ...over });
      return restore(engine, request, callOf('restore', RestoreDomainRequest, request, context));
    },
    removeManagedSave: async (id: string, over: Over<typeof RemoveDomainManagedSaveRequest> = {}): Promise<Operation> => {
      const request = RemoveDomainManagedSaveRequest.fromPartial({ name: nameOf(id), ...over });
      return removeManagedSave(engine, request, callOf('remove-managed-save', RemoveDomainManagedSaveRequest, request, context));
    },
    /** Waits for the end. */
    dump: async (id: string, path: string, over: Over<typeof DumpDomainRequest> = {}): Promise<Operation> => {
      const request = DumpDomainRequest.fromPartial({ name: nameOf(id), path, wait: { seconds: 20n }, ...over });
      return dump(engine, request, callOf('dump', DumpDomainRequest, request, context));
    },
    rename: async (id: string, domainId: string, over: Over<typeof RenameDomainRequest> = {}): Promise<Operation> => {
      const request = RenameDomainRequest.fromPartial({ name: nameOf(id), domainId, ...over });
      return rename(engine, request, callOf('rename', RenameDomainRequest, request, context));
    },
    resizeDisk: async (
      id: string,
      disk: string,
      sizeBytes: bigint,
      over: Over<typeof ResizeDomainDiskRequest> = {},
    ): Promise<Operation> => {
      const request = ResizeDomainDiskRequest.fromPartial({ name: nameOf(id), disk, sizeBytes, ...over });
      return resizeDisk(engine, request, callOf('resize-disk', ResizeDomainDiskRequest, request, context));
    },
    freeze: async (id: string, over: Over<typeof FreezeDomainFilesystemsRequest> = {}): Promise<Operation> => {
      const request = FreezeDomainFilesystemsRequest.fromPartial({ name: nameOf(id), ...over });
      return freezeOrThaw(engine, 'freeze', request, callOf('freeze', FreezeDomainFilesystemsRequest, request, context));
    },
    thaw: async (id: string, over: Over<typeof ThawDomainFilesystemsRequest> = {}): Promise<Operation> => {
      const request = ThawDomainFilesystemsRequest.fromPartial({ name: nameOf(id), ...over });
      return freezeOrThaw(engine, 'thaw', request, callOf('thaw', ThawDomainFilesystemsRequest, request, context));
    },
    sendKeys: async (id: string, over: Over<typeof SendDomainKeysRequest>): Promise<unknown> =>
      sendKeys(engine, SendDomainKeysRequest.fromPartial({ name: nameOf(id), ...over }), context),
    addresses: async (id: string, over: Over<typeof ListDomainAddressesRequest> = {}): Promise<unknown> =>
      listAddresses(engine, ListDomainAddressesRequest.fromPartial({ name: nameOf(id), ...over }), context),
    guestInfo: async (id: string): Promise<unknown> => guestInfo(engine, { name: nameOf(id) }, context),
    screenshot: (id: string, video = ''): AsyncGenerator<TakeDomainScreenshotResponse> =>
      takeScreenshot(engine, { name: nameOf(id), video }, context),
    exec: (requests: AsyncIterable<ExecDomainRequest>): AsyncGenerator<ExecDomainResponse> => exec(engine, requests, context),
  };
}
export type Verbs = ReturnType<typeof verbsOf>;

/** A promise that a test settles, for hooks that wait. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();

  /** Settles when something waits at the gate. */
  readonly reached: Promise<void> = this.#reached.promise;

  open(): void {
    this.#opened.resolve();
  }

  /** As a hook: waits until the gate is opened, or the signal is aborted. */
  readonly wait = async (_uid: string, signal?: AbortSignal): Promise<void> => {
    this.#reached.resolve();
    if (signal === undefined) return this.#opened.promise;
    await Promise.race([
      this.#opened.promise,
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    ]);
  };
}
