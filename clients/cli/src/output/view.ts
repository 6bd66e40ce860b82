import type { OutputFormat } from '../globals.ts';
import { oneLine } from './sanitise.ts';
import { toJson, toYaml } from './serialise.ts';
import type { Paint } from './table.ts';

/** A result in all the forms in which it can be asked for. */
export interface View {
  /** For people. */
  readonly text: (options: { readonly wide: boolean; readonly paint: Paint }) => string;
  /** The contract's JSON. */
  readonly json: () => unknown;
  /** Full names, each of which can be given as an argument again. */
  readonly names: () => readonly string[];
}

/** A result in one form. */
export async function rendered(view: View, format: OutputFormat, paint: Paint): Promise<string> {
  switch (format) {
    case 'json':
      return toJson(view.json());
    case 'yaml':
      return await toYaml(view.json());
    case 'name':
      return view
        .names()
        .map((name) => `${oneLine(name)}\n`)
        .join('');
    case 'table':
    case 'wide':
      return view.text({ wide: format === 'wide', paint });
    default:
      return format satisfies never;
  }
}
