import type { OutputFormat } from '../globals.ts';
import { toJson, toYaml } from '../output/serialise.ts';
import type { Terminal } from '../terminal.ts';
import { errorObject } from './error-object.ts';
import { renderError } from './render.ts';

/** Says on stderr what went wrong: to people, or to programs in the form of the results, a line of JSON or a document of YAML. */
export async function tellError(thrown: unknown, terminal: Terminal, format: OutputFormat | undefined): Promise<void> {
  const options = { debug: Boolean(terminal.env['VIRTMESH_DEBUG']) };
  const text =
    format === 'json'
      ? toJson(errorObject(thrown, options), 0)
      : format === 'yaml'
        ? `---\n${await toYaml(errorObject(thrown, options))}`
        : renderError(thrown, options);
  terminal.stderr.write(text);
}
