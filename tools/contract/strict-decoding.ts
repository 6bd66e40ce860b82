import { glob, readFile, writeFile } from 'node:fs/promises';

/**
 * Makes the generated decoders strict, as a step of `npm run gen`. As they come, they stop quietly at a tag that cannot be,
 * and let a field go on beyond the end of its message: what follows is then read as fields of the message around it, which a
 * router in between has understood otherwise. And they replace text that is not UTF-8 by other text.
 */
const generated = process.argv[2] ?? 'libs/contracts/src/gen';

const changes = [
  {
    from: /if \(\(tag & 7\) === 4 \|\| tag === 0\) \{\s*break;\s*\}/g,
    to: 'if ((tag & 7) === 4 || tag >>> 3 === 0) throw new globalThis.Error("illegal tag " + tag);',
  },
  {
    from: /( +)return message;(?=\s*\} finally)/g,
    to: '$1if (reader.pos !== end) throw new globalThis.Error("a message does not end where it should");\n$1return message;',
  },
  { from: /reader\.string\(\)/g, to: 'reader.string(true)' },
];

const counts = changes.map(() => 0);
for await (const path of glob(`${generated}/**/*.ts`)) {
  let text = await readFile(path, 'utf8');
  for (const [index, { from, to }] of changes.entries()) {
    counts[index] = (counts[index] ?? 0) + (text.match(from)?.length ?? 0);
    text = text.replace(from, to);
  }
  await writeFile(path, text);
}
for (const [index, { from }] of changes.entries())
  if (counts[index] === 0)
    throw new Error(`the generated code has nothing of the form ${String(from)}: the generator writes it otherwise now`);
