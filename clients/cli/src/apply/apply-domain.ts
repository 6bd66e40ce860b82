import { Fault } from '@virtmesh/base';
import { type Connection, resultOf } from '@virtmesh/client';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  DomainView,
  FieldEffect,
  type FieldOutcome,
  GetDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  UpdateDomainRequest,
  type UpdateDomainResult,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { scopeOf } from '../domain/change-scope.ts';
import { parentOf } from '../domain/definitions.ts';
import type { Invocation } from '../invocation.ts';
import { domainOf } from '../operation/act.ts';
import { begin, type RequestHead } from '../operation/follow.ts';
import { isActive } from '../output/states.ts';
import { type FieldChange, fieldChanges } from '../spec/diff.ts';
import { writtenSpec } from '../spec/document-text.ts';
import type { DomainDocument } from '../spec/read-documents.ts';
import type { DomainSchema } from '../spec/schema.ts';

/** What was done to bring a domain to what its document says, or would be. */
export interface Applied {
  readonly name: string;
  readonly action: 'created' | 'configured' | 'unchanged';
  readonly power: 'started' | 'shut down' | undefined;
  readonly changes: readonly FieldChange[];
  /** What became of each changed field of a domain that was there. */
  readonly outcomes: readonly FieldOutcome[];
}

/** A guest gets as long as by the verb shutdown. */
const shutdownMs = 120_000;

/** Brings domains to what their documents say. */
export class Applying {
  readonly #invocation: Invocation;
  readonly #connection: Connection;
  readonly #schema: DomainSchema;

  constructor(invocation: Invocation, connection: Connection, schema: DomainSchema) {
    this.#invocation = invocation;
    this.#connection = connection;
    this.#schema = schema;
  }

  async apply(document: DomainDocument): Promise<Applied> {
    const present = await this.#find(document);
    if (present === undefined) return await this.#create(document);
    if (document.uid !== undefined && document.uid !== present.uid)
      throw new Fault('DOMAIN_EXISTS', `${present.name} is another domain: its uid is ${present.uid}, not ${document.uid}`, {
        name: present.name,
      });
    return await this.#configure(document, present);
  }

  get #dryRun(): boolean {
    return this.#invocation.flag('dryRun');
  }

  async #find(document: DomainDocument): Promise<Domain | undefined> {
    const name = `${parentOf(this.#invocation, document)}/domains/${document.name}`;
    try {
      return await this.#connection.domains.getDomain(
        GetDomainRequest.fromPartial({ name, view: DomainView.FULL }),
        this.#invocation.callOptions,
      );
    } catch (thrown) {
      if (Fault.is(thrown, 'DOMAIN_NOT_FOUND')) return undefined;
      throw thrown;
    }
  }

  async #create(document: DomainDocument): Promise<Applied> {
    const start = document.running === true;
    const operation = await this.#begin((head) =>
      this.#connection.domains.createDomain(
        CreateDomainRequest.fromPartial({
          ...head,
          parent: parentOf(this.#invocation, document),
          domainId: document.name,
          uid: document.uid ?? '',
          spec: document.spec,
          autostart: document.autostart ?? false,
          start,
          validateOnly: this.#dryRun,
        }),
        this.#invocation.callOptions,
      ),
    );
    const changes = fieldChanges({}, writtenSpec(domainOf(operation)?.spec ?? document.spec, this.#schema));
    return { name: operation.target, action: 'created', power: start ? 'started' : undefined, changes, outcomes: [] };
  }

  async #configure(document: DomainDocument, present: Domain): Promise<Applied> {
    const planned = await this.#update(document, present, true);
    const { autostart = present.autostart } = document;
    const fields = this.#changes(present, planned.domain);
    // What waits for the next start already is told again by the server, and is no change.
    const differs = fields.length > 0 || planned.outcomes.some(({ effect }) => effect === FieldEffect.LIVE);
    let { outcomes } = planned;
    if (!this.#dryRun && differs) ({ outcomes } = await this.#update(document, present, false));
    const starts = { path: 'autostart', before: String(present.autostart), after: String(autostart) };
    const startsDiffer = starts.before !== starts.after;
    if (!this.#dryRun && startsDiffer)
      await this.#connection.domains.setDomainAutostart(
        SetDomainAutostartRequest.fromPartial({ name: present.name, autostart }),
        this.#invocation.callOptions,
      );
    return {
      name: present.name,
      action: differs || startsDiffer ? 'configured' : 'unchanged',
      power: await this.#power(document, present),
      changes: startsDiffer ? [...fields, starts] : fields,
      outcomes: differs ? outcomes.filter(({ effect }) => effect !== FieldEffect.UNCHANGED) : [],
    };
  }

  /** Which fields of a domain's definition would be others. */
  #changes(before: Domain, after: Domain | undefined): FieldChange[] {
    const written = (domain: Domain | undefined): ReturnType<typeof writtenSpec> =>
      writtenSpec(domain?.spec ?? domain?.activeSpec, this.#schema);
    return fieldChanges(written(before), written(after));
  }

  async #update(document: DomainDocument, present: Domain, validateOnly: boolean): Promise<UpdateDomainResult> {
    const operation = await this.#begin((head) =>
      this.#connection.domains.updateDomain(
        UpdateDomainRequest.fromPartial({
          ...head,
          name: present.name,
          spec: document.spec,
          updateMask: ['*'],
          scope: scopeOf(this.#invocation),
          etag: present.etag,
          validateOnly,
        }),
        this.#invocation.callOptions,
      ),
    );
    const result = resultOf(operation);
    if (result.$case === 'update') return result.value;
    throw new Fault('INTERNAL_BUG', `the update of ${present.name} did not say what became of its fields`, { incident: operation.name });
  }

  /** Starts or shuts down where the document asks for the other state. */
  async #power({ running }: DomainDocument, present: Domain): Promise<Applied['power']> {
    if (running === undefined || running === isActive(present)) return undefined;
    const { name } = present;
    if (!this.#dryRun)
      await this.#begin(
        (head) =>
          running
            ? this.#connection.domains.startDomain(StartDomainRequest.fromPartial({ ...head, name }), this.#invocation.callOptions)
            : this.#connection.domains.shutdownDomain(ShutdownDomainRequest.fromPartial({ ...head, name }), this.#invocation.callOptions),
        shutdownMs,
      );
    return running ? 'started' : 'shut down';
  }

  #begin(call: (head: RequestHead) => Promise<Operation>, timeoutMs?: number): Promise<Operation> {
    return begin(this.#invocation, this.#connection, call, { alone: true, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }
}
