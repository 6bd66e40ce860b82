/** What a terminal could obey, beyond the controls that JSON escapes itself: DEL and C1, separators, marks of direction. */
const hostile = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g;

const escapeHostile = (text: string): string =>
  text.replace(hostile, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** JSON on several lines, or on one. What a terminal could obey is escaped; the value is the same. */
export const toJson = (value: unknown, indent: 0 | 2 = 2): string => `${escapeHostile(JSON.stringify(value, undefined, indent))}\n`;

/** YAML that reads back as the same value, fields in their order. What a terminal could obey is escaped. */
export async function toYaml(value: unknown): Promise<string> {
  const { Document, isScalar, visit } = await import('yaml');
  const document = new Document(value, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
  visit(document, {
    Scalar: (_key, node) => {
      // Escapes mean something in double quotes only, and block forms would carry the character itself.
      if (
        isScalar(node) &&
        typeof node.value === 'string' &&
        /[^\P{Cc}\n]|[\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/u.test(node.value)
      )
        node.type = 'QUOTE_DOUBLE';
    },
  });
  return escapeHostile(document.toString({ lineWidth: 0, indentSeq: false }));
}
