import type { Node as YamlNode } from 'yaml';

/** A place in a file, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  readonly position: Position;
  /** The field's path in the contract's names, such as `spec.disks[0].bus`; empty where the file itself is meant. */
  readonly path: string;
  /** What is wrong and what to do. */
  readonly message: string;
}

/** A value of JSON, as the contract's messages are read from. */
export type JsonValue = string | number | boolean | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** What one reading of a file gathers: where each field stands, and what is wrong. */
export class Reading {
  readonly problems: Problem[] = [];
  readonly #positions = new Map<string, Position>();
  readonly #positionOf: (offset: number) => Position;

  constructor(positionOf: (offset: number) => Position) {
    this.#positionOf = positionOf;
  }

  at(node: YamlNode): Position {
    return this.#positionOf(node.range?.[0] ?? 0);
  }

  refuse(node: YamlNode, path: string, message: string): undefined {
    this.problems.push({ position: this.at(node), path, message });
    return undefined;
  }

  refuseAt(offset: number, message: string): void {
    this.problems.push({ position: this.#positionOf(offset), path: '', message });
  }

  /** Notes where a field stands, by its path. */
  place(path: string, node: YamlNode): void {
    this.#positions.set(path, this.at(node));
  }

  /** Where a field stands, or else the nearest one around it: a server also complains of what was left out. */
  locate(path: string): Position | undefined {
    for (let around = path; ; around = around.replace(/(?:\.[^.[\]]*|\[[^[\]]*\])$/, '')) {
      const found = this.#positions.get(around);
      if (found !== undefined || around === '') return found ?? this.#positions.get('');
      if (!/[.[]/.test(around)) return this.#positions.get('');
    }
  }
}
