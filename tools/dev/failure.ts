/** Something that the person at the terminal can put right: its message is shown without a stack. */
export class Failure extends Error {
  /** The process's exit code. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'Failure';
    this.exitCode = exitCode;
  }
}
