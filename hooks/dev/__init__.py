"""
``metakaito dev``: Metacontroller's part, played against a real API server.

For development and for tests; production runs Metacontroller. What a controller does is in
:mod:`composite.simulate.syncing`, the same that ``metakaito simulate`` plays; here is what is
around it: the connection (:mod:`.api`), what there is to talk about (:mod:`.discovery`), what was
last heard (:mod:`.informers`), both as the core's store (:mod:`.store`), the webhooks
(:mod:`.webhooks`), Events (:mod:`.events`), one controller with its workers (:mod:`.running`) and
all of them (:mod:`.program`).
"""
