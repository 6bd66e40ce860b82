/** Control groups of version 1, 2, or both at once. */
export interface HostCgroups {
  /** Why there are none for the agent to use; undefined where there are. */
  readonly unavailable: string | undefined;
  /** Makes a group, named by a path such as `virtmesh/{uid}`, in every hierarchy that is used. */
  create(name: string): Promise<void>;
  attach(name: string, pid: number): Promise<void>;
  /** Removes a group; waits a little for its last processes to end. Absence is success. */
  remove(name: string, signal: AbortSignal): Promise<void>;
  /** The version of the hierarchy that a controller is in, such as 1 for `memory`; undefined where the host does not have it. */
  version(controller: string): 1 | 2 | undefined;
  /** A file of a group, of at most 1 MiB, such as `memory.max`; undefined where there is no such group, or no such file in it. */
  read(controller: string, name: string, file: string): Promise<string | undefined>;
  write(controller: string, name: string, file: string, text: string): Promise<void>;
  /** Kills what runs in a group and the groups in it, and removes them in every hierarchy of the host. Absence is success. */
  purge(name: string, signal: AbortSignal): Promise<void>;
}
