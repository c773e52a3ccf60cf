"""Does the acts that are about jobs."""

from __future__ import annotations

from agent.domain.faults import PermanentFault
from agent.lifecycle import acts, decide, loading
from agent.lifecycle.acts import Act
from agent.lifecycle.events import GoOn
from agent.lifecycle.hands import Hands, Moment
from agent.lifecycle.rows import JobRow
from agent.lifecycle.words import JobState

HAS_CLUSTER = (JobState.CLAIMED, JobState.RUNNING)


class OnJobs:
    """Each method answers what is to be done next because of it, and raises Fault."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._store = hands.store

    def submit(self, act: acts.Submit, _: Moment) -> tuple[Act, ...]:
        self._store.submit(act.job)
        found = self._store.job(act.job.id)
        if found is not None and found.ended:
            return self._after(found)
        return (acts.Plan(profile=act.job.cluster_profile),)

    def claim(self, act: acts.Claim, moment: Moment) -> tuple[Act, ...]:
        job, cluster = self._store.job(act.job_id), self._store.cluster(act.cluster_id)
        if job is None or cluster is None:
            return ()
        if job.state is not JobState.QUEUED:
            # the cluster is still there for another job
            return (acts.Plan(profile=job.cluster_profile),)
        # a cluster without an agent has no heartbeat to be fresh
        heard_after = None if cluster.heartbeat_at is None else moment.now - self._hands.settings.heartbeat_lost_s
        claimed = self._store.claim(act.cluster_id, job, moment.now, heard_after)
        return (acts.Plan(profile=job.cluster_profile) if claimed is None else acts.Run(job_id=act.job_id),)

    def run(self, act: acts.Run, moment: Moment) -> tuple[Act, ...]:
        job = self._store.job(act.job_id)
        if job is None or job.state not in HAS_CLUSTER or job.cluster_id is None:
            return ()
        if job.step_id is not None:
            return self._look(job, moment)
        try:
            step_id = self._hands.runner.run(job)
        except PermanentFault as error:
            requeued = acts.Requeue(job_id=act.job_id, attempt=job.attempt, why=str(error))
            return (acts.Ask(cluster_id=job.cluster_id), requeued)
        if step_id is not None:
            if self._store.step_added(job, step_id) is None:
                # it has ended or lost its cluster while the step was being added, and nobody knows of the step
                self._hands.runner.cancel(job.model_copy(update={"step_id": step_id}))
        elif moment.again:
            self._hands.later.again(GoOn(what="run", id=act.job_id, tries=moment.tries))
        return ()

    def _look(self, job: JobRow, moment: Moment) -> tuple[Act, ...]:
        """Its step may have ended without a word."""
        told = self._hands.runner.look(job)
        if told is None:
            return ()
        return decide.on_event(told, loading.known(self._store, told), moment.now, self._hands.settings)

    def began(self, act: acts.Began, _: Moment) -> tuple[Act, ...]:
        job = self._store.job(act.job_id)
        if job is not None and job.attempt == act.attempt:
            self._store.step_began(job, act.at)
        return ()

    def finish(self, act: acts.Finish, moment: Moment) -> tuple[Act, ...]:
        job = self._store.job(act.job_id)
        if job is None or job.attempt != act.attempt:
            return ()
        if not job.ended:
            if act.state is JobState.CANCELLED:
                self._hands.runner.cancel(job)
            finished = self._store.finish(job, act.state, (act.why,) if act.why else (), moment.now)
            if finished is None:
                return ()
            job = finished
            self._hands.teller.job_ended(job)
        return self._after(job)

    def requeue(self, act: acts.Requeue, moment: Moment) -> tuple[Act, ...]:
        job = self._store.job(act.job_id)
        if job is None or job.attempt != act.attempt or job.ended:
            return ()
        if job.attempt >= job.attempts:
            why = f"{act.why}; attempt {job.attempt} was the last"
            return (acts.Finish(job_id=job.id, attempt=job.attempt, state=JobState.FAILED, why=why),)
        self._store.requeue(job, act.why, moment.now)
        plan = acts.Plan(profile=job.cluster_profile)
        if job.cluster_id is None:
            return (plan,)
        return (acts.Release(cluster_id=job.cluster_id, job_id=job.id), plan)

    def release(self, act: acts.Release, moment: Moment) -> tuple[Act, ...]:
        cluster = self._store.release(act.cluster_id, act.job_id, moment.now)
        return () if cluster is None or cluster.profile is None else (acts.Plan(profile=cluster.profile),)

    def still_runs(self, act: acts.StillRuns, _: Moment) -> tuple[Act, ...]:
        job = self._store.job(act.job_id)
        if job is not None and not job.ended:
            self._hands.tokens.still_runs(job)
        return ()

    def _after(self, job: JobRow) -> tuple[Act, ...]:
        """What its end leaves to be done; done again when somebody died in its middle."""
        if job.task_token is not None:
            self._hands.tokens.ended(job)
            self._store.told(job.id)
        if job.cluster_id is None:
            return ()
        return (acts.Release(cluster_id=job.cluster_id, job_id=job.id),)
