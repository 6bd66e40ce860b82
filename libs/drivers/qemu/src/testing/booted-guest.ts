import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { echoReady } from './echo-guest.ts';
import { type Life, type RunningGuest, soon } from './world.ts';

/** An echo guest that has booted, seen by its serial port. */
export class BootedGuest {
  readonly running: RunningGuest;
  /** The life of the agent that has it now. */
  life: Life;

  private constructor(life: Life, running: RunningGuest) {
    this.life = life;
    this.running = running;
  }

  static async boot(life: Life, disk: string, lifecycle: Partial<NonNullable<DomainSpec['lifecycle']>> = {}): Promise<BootedGuest> {
    const guest = life.newGuest();
    const booted = new BootedGuest(life, await life.start(guest, life.spec(guest, disk, { serials: [{}], lifecycle })));
    await booted.hears(1);
    return booted;
  }

  /** What was told of it, by the states' names and the other events' kinds. */
  get kinds(): string[] {
    return this.life.of(this.running.guest).map((event) => (event.t === 'state' ? event.state : event.t));
  }

  /** Waits until it has said that it is ready so many times, and lastly something. */
  async hears(times: number, last = ''): Promise<void> {
    let heard = '';
    for await (const bytes of this.life
      .feature('console')
      .output(this.running.guest, 'serial0', { replayBytes: -1, follow: true }, soon())) {
      heard += Buffer.from(bytes).toString('latin1');
      if (heard.split(echoReady).length > times && heard.endsWith(last)) return;
    }
    throw new Error(`the guest ended after saying ${heard}`);
  }

  async type(text: string): Promise<void> {
    await using input = await this.life.feature('console').input(this.running.guest, 'serial0', soon());
    await input.write(Buffer.from(text));
  }

  async finish(): Promise<void> {
    await this.life.finish(this.running);
  }
}
