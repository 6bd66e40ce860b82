import { createFileRegistry, type DescFile, type FileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Fault } from '@virtmesh/base';

/** Finds the files of a FileDescriptorSet by what they declare. Every answer holds the file and all that it imports. */
export class DescriptorIndex {
  readonly #registry: FileRegistry;

  constructor(descriptorSet: Uint8Array) {
    this.#registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  }

  /** SERVICE_NOT_FOUND if there is no such file, here and below. */
  fileNamed(path: string): Buffer[] {
    return withImports(this.#registry.getFile(path) ?? missing(path));
  }

  /** The file that declares a service, method, message, field or enum of that full name. */
  fileOfSymbol(name: string): Buffer[] {
    const declared = this.#registry.get(name) ?? this.#registry.get(name.slice(0, Math.max(0, name.lastIndexOf('.'))));
    return withImports(declared?.file ?? missing(name));
  }

  fileOfExtension(typeName: string, number: number): Buffer[] {
    const message = this.#registry.getMessage(typeName);
    const extension = message === undefined ? undefined : this.#registry.getExtensionFor(message, number);
    return withImports(extension?.file ?? missing(`${typeName}, extension ${number}`));
  }

  extensionNumbers(typeName: string): number[] {
    const message = this.#registry.getMessage(typeName) ?? missing(typeName);
    return [...this.#registry].flatMap((type) =>
      type.kind === 'extension' && type.extendee.typeName === message.typeName ? [type.number] : [],
    );
  }
}

function missing(what: string): never {
  throw new Fault('SERVICE_NOT_FOUND', `the contract has no ${JSON.stringify(what.slice(0, 200))}`, { symbol: what.slice(0, 200) });
}

/** Serialized descriptors of a file and of what it imports, each once, what is needed first. */
function withImports(file: DescFile, seen: Set<string> = new Set()): Buffer[] {
  if (seen.has(file.proto.name)) return [];
  seen.add(file.proto.name);
  const imports = file.dependencies.flatMap((dependency) => withImports(dependency, seen));
  return [Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)), ...imports];
}
