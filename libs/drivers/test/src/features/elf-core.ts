const noteName = Buffer.from('VIRTMESH\0\0\0\0');
const headerBytes = 64;
const programHeaderBytes = 56;

/** An ELF core file of x86-64 whose one note is a guest's state, for want of memory that could be written. */
export function elfCore(state: string): Buffer {
  const text = Buffer.from(`${state}\0`);
  const note = Buffer.alloc(12 + noteName.length + Math.ceil(text.length / 4) * 4);
  note.writeUInt32LE(noteName.length - 3, 0);
  note.writeUInt32LE(text.length, 4);
  note.writeUInt32LE(1, 8);
  noteName.copy(note, 12);
  text.copy(note, 12 + noteName.length);

  const header = Buffer.alloc(headerBytes);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(4, 16); // ET_CORE
  header.writeUInt16LE(62, 18); // EM_X86_64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(headerBytes), 32);
  header.writeUInt16LE(headerBytes, 52);
  header.writeUInt16LE(programHeaderBytes, 54);
  header.writeUInt16LE(1, 56);

  const program = Buffer.alloc(programHeaderBytes);
  program.writeUInt32LE(4, 0); // PT_NOTE
  program.writeUInt32LE(4, 4);
  program.writeBigUInt64LE(BigInt(headerBytes + programHeaderBytes), 8);
  program.writeBigUInt64LE(BigInt(note.length), 32);
  program.writeBigUInt64LE(4n, 48);
  return Buffer.concat([header, program, note]);
}
