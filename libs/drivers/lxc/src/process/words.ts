import { Fault } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';

const maxWordsBytes = 256 * 1024;
const maxWords = 1000;
/** What LXC says in a line of its log: when, how grave, where in its source, and the words. */
const form = /^lxc-start \S+ \d+\.\d+ (?:ERROR|CRIT|FATAL)\s+\S+ - \S+:([a-z_0-9]+):\d+ - (.*)$/;
/** These say that others have failed, or nothing. */
const empty =
  /^(?:The container failed to start|To get more details|Additional information can be|Received container state|Unsupported config key "lxc\.seccomp"|No such file or directory - Failed to receive the container state)/;

/** The first things that LXC complained of, in one line; empty where it did not. */
export function wordsOf(log: string): string {
  const words = log.split('\n').flatMap((line) => {
    const said = form.exec(line)?.[2] ?? '';
    const text = said.replace(/^Invalid argument - (?=Unsupported)/, '');
    return text === '' || empty.test(text) ? [] : [text];
  });
  return [...new Set(words)].slice(0, 4).join('; ').slice(0, maxWords);
}

export async function lastWords(host: Host, ownLog: string): Promise<string> {
  try {
    return wordsOf(await host.files.readText(ownLog, maxWordsBytes));
  } catch {
    return '';
  }
}

/** What the definition says that LXC's words tell to be wrong in the container: only there is it seen, with its users and mounts. */
const faulty: readonly (readonly [RegExp, string, string])[] = [
  [
    /([^;]*) - Failed to exec "\//,
    'spec.container.init.path',
    'cannot be run in the container: $; name a program that is there and may be run',
  ],
  [
    /([^;]*) - Could not change directory to "\//,
    'spec.container.init.working_directory',
    'cannot be entered in the container: $; name a directory that is there',
  ],
];

/** HYPERVISOR_FAILED with LXC's words; HOST_INCOMPATIBLE, with the field, where they tell what in the definition is at fault. */
export function startFailure(words: string): Fault {
  for (const [form, field, description] of faulty) {
    const [, why] = form.exec(words) ?? [];
    if (why !== undefined)
      return new Fault('HOST_INCOMPATIBLE', `${field}: ${description.replace('$', () => why.trim())}`, { field, words });
  }
  return new Fault('HYPERVISOR_FAILED', `LXC could not start the container: ${words || 'it gave no reason'}`, { words });
}
