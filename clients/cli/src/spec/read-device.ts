import { Device } from '@virtmesh/contracts/domain/v1/device';
import { isMap, isScalar, LineCounter, type Node as YamlNode, parseAllDocuments } from 'yaml';
import { throwProblems } from './read-documents.ts';
import { MessageReader } from './read-message.ts';
import { type Position, Reading } from './reading.ts';
import type { DomainSchema } from './schema.ts';

/** A device out of a file. */
export interface DeviceDocument {
  readonly device: Device;
  /** What messages call it. */
  readonly name: string;
  /** Where a field of the request stands in the file, such as `device.disk.bus`, or what is nearest to it. */
  readonly locate: (path: string) => Position | undefined;
}

/** Reads one device in YAML or JSON, such as `{disk: {source: {file_path: /x}}}`; what is wrong is told as of definitions. */
export function readDevice(source: { readonly file: string; readonly text: string }, schema: DomainSchema): DeviceDocument {
  const counter = new LineCounter();
  const parsed = parseAllDocuments(source.text, {
    intAsBigInt: true,
    lineCounter: counter,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  const reading = new Reading((offset) => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  });
  const documents = (Array.isArray(parsed) ? parsed : []).filter(
    ({ contents, errors }) => errors.length > 0 || !(contents === null || (isScalar(contents) && contents.value === null)),
  );
  for (const { pos, message } of documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])) reading.refuseAt(pos[0], message);
  const [document, second] = documents;
  const root = document?.contents as YamlNode | null | undefined;
  if (second !== undefined)
    reading.refuseAt(second.contents?.range?.[0] ?? second.range[0], `there are ${documents.length} devices in it, and one is taken`);
  if (document === undefined || !root) reading.refuseAt(0, 'there is no device in it');
  throwProblems(source.file, reading.problems);
  if (document === undefined || !root) throw new Error('unreachable: an empty file was refused');
  reading.place('', root);
  if (isMap(root) && root.items.length === 0)
    reading.refuse(root, '', `give one of ${schema.device.fields.map(({ name }) => name).join(', ')}`);
  const json = new MessageReader(document, reading).message(root, schema.device, '');
  throwProblems(source.file, reading.problems);
  return { device: Device.fromJSON(json), name: 'the device', locate: (path) => reading.locate(path.replace(/^device(?:\.|$)/, '')) };
}
