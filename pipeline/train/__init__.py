"""Training: supervised fine-tuning, then reinforcement learning on rewards. Importing its modules loads torch.

What a training leaves in its run directory, for whoever shows it:

    events.jsonl
      checks   {checks: [{name, level: ok | warn | fail, told}]}   before anything is loaded, once an attempt
      data     {used, looked_at, cut, skipped: {reason: n}, longest?, held_out?}   what is trained on
      config   {arguments: {…}}          the trainer's own arguments, all of them
      metric   {step, metrics: {…}}      below; a resumed run tells some steps again: the last event of a step counts
      alert    {step, name, told}        pipeline.train.alerts says which there are
      best     {step, metric, value}     a look at held-out turns that beat all before it
    metrics
      loss, grad_norm, learning_rate, entropy, kl (where beta > 0), num_tokens
      reward, reward_std, frac_reward_zero_std (share of groups without signal), advantage/std, advantage/max
      part/r_format, part/r_emotion, part/r_rubric, each with _std; part/vetoed; criterion/<id> on its own scale
      completions/mean_length, min_length, max_length, clipped_ratio (share cut off by the limit)
      judge/failed, judge/cached (shares), judge/latency_s, judge/p95_s, judge/cost (of a step), judge/not_scored
      total/verdicts, total/failed, total/cached, total/without_reward, total/cost     over all attempts
      second/…  (pipeline.train.second)   validation/…  (pipeline.train.looks)
      time/step_s, time/left_s (seconds), gpu/memory_gb, gpu/memory_share, gpu/busy_percent
    outputs/completions, rewards, verdicts (pipeline.train.book) · samples (pipeline.train.looks) · second_judge
    outputs/manifest.json (pipeline.train.manifest) · outputs/model.json, the card (pipeline.train.keeping)
    checkpoints/ (pipeline.train.checkpoints) · best/, until the end · model/ with README.md and kardia.json
"""
