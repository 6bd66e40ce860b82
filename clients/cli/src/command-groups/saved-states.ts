import type { CommandSpec } from '../command.ts';
import { activeDomain, activeDomains, domains, nodePath } from './arguments.ts';

/** The verbs that keep a guest's state. */
export const savedStateVerbs: readonly CommandSpec[] = [
  {
    name: 'save',
    summary: 'End a guest and keep its whole state in a file',
    changes: true,
    arguments: [activeDomain, { ...nodePath, summary: `${nodePath.summary}, where no file is yet` }],
    details: 'restore lets it go on. Where the save fails, or Ctrl-C cancels it, the guest goes on as before.',
    load: () => import('../commands/saved-state/save.ts'),
  },
  {
    name: 'restore',
    summary: 'Start a domain from the state in a file',
    changes: true,
    arguments: [nodePath],
    details: 'The file stays. Where the node does not have the domain any more, it goes on as a transient one.',
    options: [{ flags: '--paused', summary: 'leave it paused, until resume' }],
    load: () => import('../commands/saved-state/restore.ts'),
  },
  {
    name: 'managedsave',
    summary: 'End guests and keep their state with the node, for their next start',
    changes: true,
    arguments: [activeDomains],
    load: () => import('../commands/saved-state/managedsave.ts'),
  },
  {
    name: 'managedsave-remove',
    summary: 'Forget the states that managedsave kept, so that the next start boots',
    changes: true,
    arguments: [domains],
    load: () => import('../commands/saved-state/managedsave-remove.ts'),
  },
  {
    name: 'dump',
    summary: "Write a guest's memory to a file",
    changes: true,
    arguments: [activeDomain, { ...nodePath, summary: `${nodePath.summary}, where no file is yet` }],
    details: 'The guest is paused meanwhile, and goes on afterwards.',
    options: [
      { flags: '--format <format>', summary: 'for gdb and crash, or compressed for crash', choices: ['elf', 'kdump-zlib'] },
      { flags: '--live', summary: 'let the guest go on meanwhile; the dump is not of one moment then' },
    ],
    load: () => import('../commands/saved-state/dump.ts'),
  },
];
