extension EmbeddedPostgres.Supervisor {
    /// Stands for the cluster's folder in the settings that are handed to the script, which alone knows it.
    static let folderMark = "@FOLDER@"

    /// The script that owns the server.
    ///
    /// Arguments: the folder of the programs, the folder to make the cluster's in, the settings, and the options of
    /// `initdb`. It prints `folder PATH`; then it reads lines `ID COMMAND` and answers each with `ID STATUS`. At the
    /// end of its input, or on SIGTERM, it stops the server and removes the folder.
    ///
    /// The server is the script's own child, not `pg_ctl`'s, so that it can be waited for, and so that there is no
    /// moment in which a server runs that the script does not know. `PR_SET_PDEATHSIG` would be no help: it is lost
    /// when the user changes (prctl(2)).
    static let script = #"""
        # What comes through the terminal is for the program that started us. Its death is told by the end of our
        # input, and must not kill us while we answer.
        trap '' HUP INT QUIT PIPE
        umask 077
        programs=$1 parent=$2 settings=$3
        shift 3
        server=

        folder=$(mktemp -d "$parent/offersd-pg.XXXXXX") || exit 1
        cd "$folder" || exit 1

        is_running() {
            # A child that has ended is reaped while the shell waits for another one, such as sleep.
            [ -n "$server" ] && kill -0 "$server" 2>/dev/null
        }

        # Waits at most $1 times 20 ms for the server's end.
        await_end() {
            ticks=$1
            while is_running; do
                [ "$ticks" -gt 0 ] || return 1
                ticks=$((ticks - 1))
                sleep 0.02
            done
            [ -z "$server" ] || wait "$server"
            server=
            return 0
        }

        # The processes of the server but for the postmaster; stopped or still, the list is exact (proc(5)).
        children() {
            cat "/proc/$server/task/$server/children" 2>/dev/null
        }

        # The postmaster first, so that it starts nothing new. A signal takes effect when the process is next run, which
        # on a busy machine is later than kill's return; a child that has just ended is no failure.
        pause() {
            is_running && kill -STOP "$server" || return 1
            for process in "$server" $(children); do
                kill -STOP "$process" || continue
                until has_stopped "$process"; do sleep 0.01; done
            done
        }

        has_stopped() {
            read -r status <"/proc/$1/stat" || return 0
            case ${status##*) } in [TtZX]*) ;; *) return 1 ;; esac
        }

        resume() {
            is_running || return 1
            for child in $(children) "$server"; do kill -CONT "$child"; done
        }

        initialize() {
            case $1 in
                --dbname=*) maker=pg_basebackup ;;
                *) maker=initdb ;;
            esac
            "$programs/$maker" -D data "$@" >>log 2>&1 &&
                printf '%s' "$settings" | sed "s|@FOLDER@|$folder|" >>data/postgresql.conf
        }

        start() {
            is_running && return 0
            await_end 0
            "$programs/postgres" -D "$folder/data" </dev/null >>log 2>&1 &
            server=$!
            ticks=3000
            until "$programs/pg_isready" -q -h "$folder" -d postgres -U postgres; do
                if ! is_running; then
                    await_end 0
                    return 1
                fi
                [ "$ticks" -gt 0 ] || return 2
                ticks=$((ticks - 1))
                sleep 0.02
            done
        }

        # A stopped process does not hear the other signals.
        stop() {
            is_running || return 0
            resume
            kill "-$1" "$server"
            await_end 3000
        }

        finish() {
            trap '' TERM
            if is_running; then
                resume
                kill -INT "$server"
                await_end 500 || { kill -QUIT "$server" && await_end 500; } ||
                    { kill -KILL $(children) "$server" && await_end 500; }
            fi
            cd /
            rm -rf "$folder"
            exit 0
        }

        trap finish TERM
        echo "folder $folder"
        exec 2>>log
        while read -r id command argument; do
            case $command in
                initialize) initialize "$@" ;;
                start | pause | resume) $command ;;
                stop) stop "$argument" ;;
                *) false ;;
            esac
            echo "$id $?"
        done
        finish
        """#
}
