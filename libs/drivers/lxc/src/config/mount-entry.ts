/** A mount that LXC makes as the container is set up, in the form of fstab. */
export interface MountEntry {
  readonly source: string;
  /** An absolute path in the container. */
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** One line of fstab, in which blanks part the fields. */
export const renderMountEntry = ({ source, target, type, options }: MountEntry): string =>
  [source, target.slice(1), type, options.join(',')].map(escaped).concat('0', '0').join(' ');

/** Blanks and backslashes are written by their octal numbers. */
const escaped = (text: string): string =>
  text.replace(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
