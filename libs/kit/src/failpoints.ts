import { readFileSync } from 'node:fs';
import { Fault, sleep } from '@virtmesh/base';

/** What happens at a named place of the code: the process is killed, the place throws, waits, or never goes on. */
type Action = { readonly t: 'kill' } | { readonly t: 'throw' } | { readonly t: 'hang' } | { readonly t: 'sleep'; readonly ms: number };

interface Armed {
  readonly action: Action;
  /** Acts at this pass only, counted from 1. */
  readonly pass: number;
}

/**
 * Named places at which a fault can be planted, to show that any of them may fail: `VIRTMESH_FAILPOINTS=start.spawn.after=kill`,
 * with `;` between several, `name@3=throw` for the third pass, and `kill`, `throw`, `hang` or `sleep(50)` as action. `trace`
 * instead of all that tells on stderr of each place that is passed, so that all can be found. `@FILE` stands for what is in
 * the file, which is read again at each SIGUSR2; passes are counted from then. Without the variable a place costs one look
 * into an empty map.
 */
export class Failpoints {
  readonly #passes = new Map<string, number>();
  #armed: ReadonlyMap<string, Armed> = new Map();
  #traces = false;

  constructor(plan = '') {
    if (!plan.startsWith('@')) {
      this.#arm(plan);
      return;
    }
    const load = (): void => {
      const read = readFileSync(plan.slice(1), 'utf8').trim();
      this.#arm(read);
      process.stderr.write(`failpoints: ${read}\n`);
    };
    load();
    process.on('SIGUSR2', load);
  }

  #arm(plan: string): void {
    this.#passes.clear();
    this.#traces = plan === 'trace';
    const parts = this.#traces ? [] : plan.split(';').filter((part) => part.trim() !== '');
    this.#armed = new Map(parts.map(parse));
  }

  hit(name: string): Promise<void> | void {
    if (this.#traces) process.stderr.write(`failpoint ${name}\n`);
    const armed = this.#armed.get(name);
    if (armed === undefined) return;
    const pass = (this.#passes.get(name) ?? 0) + 1;
    this.#passes.set(name, pass);
    return pass === armed.pass ? act(name, armed.action) : undefined;
  }
}

function parse(part: string): [string, Armed] {
  const match = /^\s*([\w.-]+)(?:@(\d+))?=(kill|throw|hang|sleep\((\d+)\))\s*$/.exec(part);
  if (match?.[1] === undefined)
    throw new Fault('REQUEST_INVALID', `VIRTMESH_FAILPOINTS: ${JSON.stringify(part)} is not NAME[@PASS]=kill|throw|hang|sleep(MS)`);
  const [, name, pass, action, ms] = match;
  const t = action as 'kill' | 'throw' | 'hang';
  return [name, { pass: Number(pass ?? 1), action: ms === undefined ? { t } : { t: 'sleep', ms: Number(ms) } }];
}

function act(name: string, action: Action): Promise<void> | void {
  switch (action.t) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      // The signal is on its way; nothing after this place may run.
      return new Promise(() => {});
    case 'throw':
      throw new Fault('HYPERVISOR_FAILED', `a fault was planted at ${name}`, { failpoint: name });
    case 'hang':
      return new Promise(() => {});
    case 'sleep':
      return sleep(action.ms);
  }
}
